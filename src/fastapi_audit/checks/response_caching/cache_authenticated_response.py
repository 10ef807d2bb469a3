"""Cached answer that depends on who asks

fastapi-cache2 builds its key from the handler's arguments. Who asks is not in it when authentication stands in
`dependencies=[…]` and the handler reads `request.state`, headers or cookies: in a run alice's answer was cached and
bob got it. The answer also carries `Cache-Control: max-age=…` without `private`, so a proxy may keep it for others.

## Use instead
A `key_builder` with the user's id, or no cache on answers that differ by user.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Route, SharedAnswer, route_caches
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    references=["https://github.com/long2ice/fastapi-cache#custom-key-builder"],
    cwe="CWE-524",
    examples=[
        Bad(
            {
                "main.py": """
                from contextlib import asynccontextmanager

                from fastapi import Depends, FastAPI, Header, Request
                from fastapi_cache import FastAPICache
                from fastapi_cache.backends.inmemory import InMemoryBackend
                from fastapi_cache.decorator import cache

                def authenticate(request: Request, x_user: str = Header()) -> None:
                    request.state.user = x_user

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    FastAPICache.init(InMemoryBackend())
                    yield

                app = FastAPI(lifespan=lifespan)

                @app.get("/me", dependencies=[Depends(authenticate)])
                @cache(expire=60)
                async def me(request: Request) -> dict[str, str]:
                    return {"user": request.state.user}  # finding
                """,
                "headers.txt": "X-User: ada",
                "second-headers.txt": "X-User: bob",
            }
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from fastapi_cache.decorator import cache

            OPTIONS = {"expire": 60}

            app = FastAPI()

            @app.get("/me")
            @cache(**OPTIONS)
            async def me(request: Request) -> dict[str, str]:
                return {"user": request.cookies["user"]}  # finding
            """,
            live=False,  # the cache is not set up, or nobody signs in
        ),
        Good(
            {
                "main.py": """
                from contextlib import asynccontextmanager

                from fastapi import Depends, FastAPI, Header, Request
                from fastapi_cache import FastAPICache
                from fastapi_cache.backends.inmemory import InMemoryBackend
                from fastapi_cache.decorator import cache

                def authenticate(request: Request, x_user: str = Header()) -> None:
                    request.state.user = x_user

                def by_user(func, namespace="", *, request, response, args, kwargs):
                    return f"{namespace}:{request.state.user}"

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    FastAPICache.init(InMemoryBackend())
                    yield

                app = FastAPI(lifespan=lifespan)

                @app.get("/me", dependencies=[Depends(authenticate)])
                @cache(expire=60, key_builder=by_user)
                async def me(request: Request) -> dict[str, str]:
                    return {"user": request.state.user}
                """,
                "headers.txt": "X-User: ada",
                "second-headers.txt": "X-User: bob",
            }
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, Header, Request
            from fastapi_cache.decorator import cache

            def authenticate(request: Request, x_user: str = Header()) -> None:
                request.state.user = x_user

            def by_user(func, namespace="", *, request, response, args, kwargs):
                return f"{namespace}:{request.state.user}"

            app = FastAPI()

            @app.get("/me", dependencies=[Depends(authenticate)])
            @cache(expire=60, key_builder=by_user)
            async def me(request: Request) -> dict[str, str]:
                return {"user": request.state.user}

            @app.get("/prices", dependencies=[Depends(authenticate)])
            @cache(expire=60)
            async def prices(request: Request) -> dict[str, str]:
                return {"host": request.url.path}

            @app.get("/uncached")
            async def uncached(request: Request) -> dict[str, str]:
                return {"user": request.headers["x-user"]}
            """,
            live=False,  # the cache is not set up, or nobody signs in
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from fastapi_cache.decorator import cache

            def by_user(func, namespace="", *, request, response, args, kwargs):
                return f"{namespace}:{request.state.user}"

            OPTIONS = {"expire": 60, "key_builder": by_user}

            app = FastAPI()

            @app.get("/me")
            @cache(**OPTIONS)
            async def me(request: Request) -> dict[str, str]:
                return {"user": request.state.user}

            @cache(expire=60)
            @app.get("/above")
            async def above(request: Request) -> dict[str, str]:
                return {"user": request.state.user}
            """,
            live=False,  # the cache is not set up, or nobody signs in
        ),
        Good(
            """
            from contextlib import asynccontextmanager

            from fastapi import FastAPI, Request
            from fastapi_cache import FastAPICache
            from fastapi_cache.backends.inmemory import InMemoryBackend
            from fastapi_cache.decorator import cache

            def by_user(func, namespace="", *, request, response, args, kwargs):
                return f"{namespace}:{request.state.user}"

            @asynccontextmanager
            async def lifespan(app: FastAPI):
                FastAPICache.init(InMemoryBackend(), key_builder=by_user)
                yield

            app = FastAPI(lifespan=lifespan)

            @app.get("/me")
            @cache(expire=60)
            async def me(request: Request) -> dict[str, str]:
                return {"user": request.state.user}
            """,
            live=False,  # the cache is not set up, or nobody signs in
        ),
        Good(
            """
            from fastapi import FastAPI, Header
            from fastapi_cache.decorator import cache

            app = FastAPI()

            @app.get("/me")
            @cache(expire=60)
            async def me(x_user: str = Header()) -> dict[str, str]:
                return {"user": x_user}
            """,
            live=False,  # the cache is not set up, or nobody signs in
        ),
    ],
)

IDENTITY = (".state.", ".headers", ".cookies", ".session", ".user")


@rule.check
def identity_is_not_in_the_key(route: Route) -> Iterator[Finding]:
    function = route.function
    cache = next((c for c in route_caches(route) if c.keyed_by_arguments and "fastapi.Request" in c.untold), None)
    if function is None or cache is None:
        return
    requests = [p.name for p in function.parameters if p.is_a("fastapi.Request")]
    for expression in function.expressions:
        if expression.kind != "attribute":
            continue
        owner = next((r for r in requests if expression.text.startswith(f"{r}.")), None)
        if owner is not None and f"{expression.text[len(owner) :]}.".startswith(
            tuple(f"{i.rstrip('.')}." for i in IDENTITY)
        ):
            yield expression.finding(
                f"The answer of `{route.operation}` is cached, and `{expression.text}`, which it is made of, is not in "
                "the key: the next caller gets it. Give `@cache` a `key_builder` with the user's id.",
                operation=route.operation,
            )
            return


@rule.check
def on_the_wire(shared: SharedAnswer) -> Iterator[Finding]:
    if shared.is_the_first_users:
        yield Finding(
            f"The answer of `{shared.operation}` is cached for everybody, though it is another one for each user: the second "
            "user got what was made for the first. Put the user's id into the key, or do not cache it.",
            operation=shared.operation,
            observations=(
                shared.second.observation("the second user got the answer of the first"),
                shared.made_for_second.observation("what the same user gets past the cache"),
            ),
        )


@rule.proof(needs=["fastapi-cache2"])
def bob_gets_alices_answer(bad: Served) -> None:
    assert bad.get("/me", headers={"x-user": "alice"}).json() == {"user": "alice"}
    assert bad.get("/me", headers={"x-user": "bob"}).json() == {"user": "alice"}
