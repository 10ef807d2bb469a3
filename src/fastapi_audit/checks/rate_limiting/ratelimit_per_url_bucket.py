"""Rate limit counted for each URL, not for the endpoint

slowapi's default `key_style="url"` puts the path into the key. On a route with a path parameter each value has a
budget of its own: with two per minute, `/items/0` to `/items/5` were all served. Whoever walks through ids, tenants or
user names is never limited.

## Use instead
`Limiter(…, key_style="endpoint")`, which counts all values together. It changes the budget of every route with a path
parameter, so look at the numbers again.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import LimitedFunction, Project, Resource
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-799",
    references=["https://slowapi.readthedocs.io/en/latest/api/#slowapi.extension.Limiter"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/users/{user_id}")
            @limiter.limit("2/minute")  # finding
            def user(request: Request, user_id: int) -> int:
                return user_id
            """,
            fixed="""
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, key_style="endpoint")
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/users/{user_id}")
            @limiter.limit("2/minute")
            def user(request: Request, user_id: int) -> int:
                return user_id
            """,
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, key_style="endpoint")
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/users/{user_id}")
            @limiter.limit("2/minute")
            def user(request: Request, user_id: int) -> int:
                return user_id
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/users")
            @limiter.limit("2/minute")
            def users(request: Request, page: int = 1) -> int:
                return page

            @app.get("/people/{person_id}")
            @limiter.shared_limit("2/minute", scope="people")
            def person(request: Request, person_id: int) -> int:
                return person_id
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_ipaddr, get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            other = Limiter(key_func=get_ipaddr)
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/users/{user_id}")
            @limiter.limit("3/minute")  # finding
            def user(request: Request, user_id: int) -> int:
                return user_id
            """
        ),
    ],
)


@rule.check
def decorators(limited: LimitedFunction, project: Project) -> Iterator[Finding]:
    if limited.method != "limit" or limited.above_route is not None:
        return
    limiters = [r for r in project.source.resources if r.is_a("slowapi.Limiter")]
    if not limiters or any(r.has("key_style") or r.call.has_unknown_arguments for r in limiters):
        return
    routes = [r for r in project.source.routes if r.function == limited.function and r.path_parameters]
    if not routes:
        return
    yield limited.decorator.finding(
        f"Each value of `{{{routes[0].path_parameters[0]}}}` has a limit of its own on `{routes[0].operation}`: who "
        'walks through them is never limited. Make the limiter with `key_style="endpoint"`.',
        fix=_fix(limiters),
    )


def _fix(limiters: list[Resource]) -> Fix | None:
    if len(limiters) != 1:
        return None
    return Fix("Count for the endpoint", (limiters[0].call.keyword_edit("key_style", '"endpoint"'),))


@rule.proof(needs=("slowapi",))
def walking_through_ids_is_not_limited(bad: Served) -> None:
    assert [bad.get(f"/users/{number}").status_code for number in range(5)] == [200] * 5
