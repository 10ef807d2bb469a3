"""Default rate limits without the middleware that applies them

`Limiter(default_limits=[…])` applies by itself only to routes that have a slowapi decorator. All others are limited
by `SlowAPIMiddleware`; without it four requests against a default of two are all served, and nothing warns.

## Use instead
`app.add_middleware(SlowAPIMiddleware)` (or `SlowAPIASGIMiddleware`) together with `app.state.limiter = limiter`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import App, Project, Resource
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-770",
    references=["https://slowapi.readthedocs.io/en/latest/examples/#apply-a-global-default-limit-to-all-routes"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"])  # finding
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            def leads() -> str:
                return "ok"
            """,
            fixed="""
            from slowapi.middleware import SlowAPIMiddleware
            from fastapi import FastAPI
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"])
            app = FastAPI()
            app.add_middleware(SlowAPIMiddleware)
            app.state.limiter = limiter

            @app.get("/leads")
            def leads() -> str:
                return "ok"
            """,
        ),
        Good(
            """
            from fastapi import FastAPI
            from slowapi import Limiter
            from slowapi.middleware import SlowAPIASGIMiddleware
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["2/minute"])
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(SlowAPIASGIMiddleware)

            @app.get("/leads")
            def leads() -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=[])
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/leads")
            @limiter.limit("2/minute")
            def leads(request: Request) -> str:
                return "ok"
            """
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                from limits import limiter

                def create_app() -> FastAPI:
                    application = FastAPI()
                    application.state.limiter = limiter
                    return application

                app = create_app()
                """,
                "limits.py": """
                from slowapi import Limiter
                from slowapi.util import get_remote_address

                limiter = Limiter(key_func=get_remote_address, default_limits=["5/minute"])  # finding
                """,
            }
        ),
        Bad(
            """
            from fastapi import FastAPI
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["5/minute"])  # finding
            app = FastAPI()

            @app.get("/leads")
            def leads() -> str:
                return "ok"
            """
        ),
        Good(
            """
            from company.slowapi_limits import LimitMiddleware
            from fastapi import FastAPI
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, default_limits=["5/minute"])
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(LimitMiddleware)
            """
        ),
    ],
)

MIDDLEWARE = ("slowapi.middleware.SlowAPIMiddleware", "slowapi.middleware.SlowAPIASGIMiddleware")


@rule.check
def limiters(resource: Resource, project: Project) -> Iterator[Finding]:
    if not resource.is_a("slowapi.Limiter"):
        return
    given = next((n for n in ("default_limits", "application_limits") if resource.constant(n) not in (None, [])), None)
    apps = project.source.apps
    if given is None or not apps or any(m.is_a(*MIDDLEWARE) for a in apps for m in a.middleware):
        return
    # A middleware class that is not known may be a wrapper of slowapi's.
    if any("slowapi" in (m.name or "").lower() or m.name == "unknown" for a in apps for m in a.middleware):
        return
    yield resource.finding(
        f"`{given}` is never applied to undecorated routes: no application adds SlowAPIMiddleware. Add it, or put "
        "`@limiter.limit(…)` on each route.",
        fix=_fix(apps, project),
    )


def _fix(apps: list[App], project: Project) -> Fix | None:
    call = apps[0].call if len(apps) == 1 else None
    if call is None or call.function is not None or not (call.assigned_to or "").isidentifier():
        return None
    if not any("state.limiter" in t.text for m in project.source.application_modules for s in m.statements_of("assign")
               for t in s.targets):  # fmt: skip
        return None
    added = call.statement.insert_after(f"\n{call.assigned_to}.add_middleware(SlowAPIMiddleware)")
    module = call.body.source.module_of(call.file)
    needed = module.import_edit("from slowapi.middleware import SlowAPIMiddleware")
    return Fix("Add SlowAPIMiddleware", (added, *([needed] if needed else [])))


@rule.proof(needs=("slowapi",))
def nothing_is_limited(bad: Served) -> None:
    assert [bad.get("/leads").status_code for _ in range(4)] == [200, 200, 200, 200]
