"""Flask converter in a path

`/users/<int:uid>` is a literal path for FastAPI: nothing matches `/users/1`, and `uid` becomes a required query
parameter. Nothing is said at start-up; every call answers 404.

## Use instead
`/users/{uid}` with `uid: int`; `{name:path}` for the rest of a path.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Route
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

CONVERTER = re.compile(r"<(?:(\w+):)?(\w+)>")

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/path-params/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/users/<int:uid>")  # finding
            def user(uid: int) -> int:
                return uid


            @app.get("/files/<path:name>")  # finding
            def file(name: str) -> str:
                return name
            """,
            fixed="""
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/users/{uid}")
            def user(uid: int) -> int:
                return uid


            @app.get("/files/{name:path}")
            def file(name: str) -> str:
                return name
            """,
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI()


            @app.get("/users/{uid}", description="the user <uid>")
            def user(uid: int, more: str = "<int:x>") -> int:
                return uid
            """
        ),
        Bad(
            """
            from fastapi import FastAPI

            LEAD = "/leads/<int:number>"
            app = FastAPI()


            @app.get(LEAD)  # finding
            def lead(number: int) -> int:
                return number
            """
        ),
    ],
)


@rule.check
def converters(route: Route) -> Iterator[Finding]:
    written = route.written("path", 0)
    if not CONVERTER.search(route.local_path):
        return
    fix = None
    if written is not None and written.kind == "constant":
        new = CONVERTER.sub(lambda m: "{" + m[2] + (":path" if m[1] == "path" else "") + "}", written.text)
        fix = Fix("Write the path as FastAPI does", (written.replace(new),), safe=True)
    yield route.finding(
        f"`{route.local_path}` is a literal path: no request matches what its `<…>` were meant for. Write `{{name}}`.",
        fix=fix,
    )


@rule.proof
def nothing_matches(bad: Served) -> None:
    """The path that was meant is not found."""
    assert bad.get("/users/1").status_code == 404
