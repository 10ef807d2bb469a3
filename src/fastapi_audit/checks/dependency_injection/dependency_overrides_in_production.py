"""Dependency overrides in the application itself

`app.dependency_overrides` replaces a provider for every request. It is made for tests; in the application it hides
what a route really depends on, and a forgotten override of the authentication lets everybody in.

## Use instead
Set overrides in the tests. To choose an implementation in production, write a provider that reads the settings.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import Call, Function, Module, Statement
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    references=["https://fastapi.tiangolo.com/advanced/testing-dependencies/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI, HTTPException

            def require_user() -> str:
                raise HTTPException(401)

            app = FastAPI()

            @app.get("/leads")
            def leads(user: str = Depends(require_user)) -> str:
                return user

            app.dependency_overrides[require_user] = lambda: "developer"  # finding
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI, HTTPException

            def require_user() -> str:
                raise HTTPException(401)

            def without_login(app: FastAPI) -> None:
                app.dependency_overrides.update({require_user: lambda: "developer"})  # finding

            app = FastAPI()
            without_login(app)
            """
        ),
        Good(
            {
                "main.py": """
                from fastapi import Depends, FastAPI, HTTPException

                def require_user() -> str:
                    raise HTTPException(401)

                app = FastAPI()
                overridden = list(app.dependency_overrides)

                @app.get("/leads")
                def leads(user: str = Depends(require_user)) -> str:
                    return user
                """,
                "tests/test_leads.py": """
                from main import app, require_user

                app.dependency_overrides[require_user] = lambda: "ada"
                """,
            }
        ),
        Good(
            """
            import os

            from fastapi import FastAPI

            def require_user() -> str: ...

            app = FastAPI()
            if os.environ.get("TESTING"):
                app.dependency_overrides[require_user] = lambda: "tester"
            """
        ),
    ],
)

FOR_TESTS = re.compile(r"test|fixture|mock|fake", re.IGNORECASE)


@rule.check
def modules(module: Module) -> Iterator[Finding]:
    yield from _overrides(module)


@rule.check
def functions(function: Function) -> Iterator[Finding]:
    yield from _overrides(function)


def _overrides(body: Module | Function) -> Iterator[Finding]:
    where = body.qualified_name if isinstance(body, Function) else body.name
    if not body.attributes_named("dependency_overrides") or FOR_TESTS.search(where):
        return
    places: list[Statement | Call] = [
        s for s in body.statements_of("assign") for t in s.targets if ".dependency_overrides[" in t.text
    ]
    places += [c for c in body.calls if (c.callee.written or "").endswith(".dependency_overrides.update")]
    for place in places:
        if not any(FOR_TESTS.search(c.text) for c in place.conditions):
            found = place.finding(
                "This replaces a dependency for every request in production, where overrides are made for tests: what "
                "a route depends on no longer stands in its signature. Choose the implementation in the provider."
            )
            # A factory may build a second application on purpose, for use within the process.
            yield found if isinstance(body, Module) else replace(found, confidence=Confidence.LOW)


@rule.proof
def nobody_is_asked_to_log_in(bad: Served) -> None:
    assert bad.get("/leads").json() == "developer"
