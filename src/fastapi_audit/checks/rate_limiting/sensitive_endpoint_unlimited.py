"""Login or password route without a rate limit

Whoever may try as often as they like finds the password, the one-time code or the reset token in the end, and a
registration or reset form sends as many mails as they want. Nothing covers this route: no decorator, no dependency, no
middleware, no gateway configuration in the project.

## Use instead
A limit by account and by address, such as `@limiter.limit("5/minute")`, with a store that all workers share.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Bursts, Project, Route, limits_of
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe="CWE-307",
    references=["https://owasp.org/API-Security/editions/2023/en/0xa2-broken-authentication/"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI
            from fastapi.security import APIKeyCookie, OAuth2PasswordRequestForm

            session = APIKeyCookie(name="session", auto_error=False)
            app = FastAPI()

            @app.api_route("/login", methods=["GET", "POST"])  # finding
            def login_page(password: str = "", known: str | None = Depends(session)) -> bool:
                return known is not None or password == "1234"

            @app.post("/auth/login")  # finding
            def login(name: str = "ada", password: str = "") -> bool:
                return password == "1234"

            @app.post("/auth/signup")  # finding
            def sign_up(name: str = "ada") -> str:
                return name

            @app.post("/session")  # finding
            def session(form: OAuth2PasswordRequestForm = Depends()) -> bool:
                return form.password == "1234"
            """
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, HTTPException, Request
            from fastapi.security import OAuth2PasswordBearer
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter
            bearer = OAuth2PasswordBearer(tokenUrl="login")

            @app.post("/login")
            @limiter.limit("5/minute")
            def login(request: Request, password: str) -> bool:
                return password == "1234"

            @app.get("/login")
            def login_page() -> str:
                return "page"

            @app.post("/login/history")
            def history(entry: str) -> str:
                return entry

            @app.post("/projects/{project}/services/register")
            def register(project: str) -> str:
                return project

            attempts: dict[str, int] = {}

            def count_failed_attempts(name: str) -> None:
                attempts[name] = attempts.get(name, 0) + 1
                if attempts[name] > 5:
                    raise HTTPException(429)

            def check_password(name: str, password: str) -> bool:
                count_failed_attempts(name)
                return password == "1234"

            @app.post("/signin")
            def sign_in(name: str, password: str) -> bool:
                return check_password(name, password)

            @app.post("/token")
            def new_token(token: str = Depends(bearer)) -> str:
                return token
            """
        ),
        Good(
            """
            from fastapi import APIRouter, FastAPI, HTTPException, Request
            from fastapi.routing import APIRoute

            tries: dict[str, int] = {}

            def too_many_tries(address: str) -> bool:
                tries[address] = tries.get(address, 0) + 1
                return tries[address] > 5

            class LimitedRoute(APIRoute):
                def get_route_handler(self):
                    handler = super().get_route_handler()

                    async def limited(request: Request):
                        if too_many_tries(request.client.host):
                            raise HTTPException(429)
                        return await handler(request)

                    return limited

            router = APIRouter(route_class=LimitedRoute)

            @router.post("/login")
            def login(password: str) -> bool:
                return password == "1234"

            app = FastAPI()
            app.include_router(router)
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from starlette.middleware.base import BaseHTTPMiddleware

            class RateLimitMiddleware(BaseHTTPMiddleware):
                async def dispatch(self, request, call_next):
                    return await call_next(request)

            app = FastAPI()
            app.add_middleware(RateLimitMiddleware)

            @app.post("/login")
            def login(password: str) -> bool:
                return password == "1234"
            """,
            live=False,
        ),
        Good(
            """
            from fastapi import FastAPI, Request, Response
            from slowapi import Limiter
            from slowapi.util import get_remote_address

            limiter = Limiter(key_func=get_remote_address, headers_enabled=True)
            app = FastAPI()
            app.state.limiter = limiter

            @app.post("/login")
            @limiter.limit("500/hour")
            def login(request: Request, response: Response, password: str) -> bool:
                return password == "1234"
            """
        ),
    ],
)

SENSITIVE = re.compile(
    r"/(?:log-?in|sign-?in|sign-?up|token|otp|2fa|mfa|verify(?:-otp|-code|-email)?|(?:re)?set-password|password-reset"
    r"|forgot-password|recover(?:-password|y)?|register|magic-link|access-token)/?$",
    re.IGNORECASE,
)
LOGIN = re.compile(r"/(?:log-?in|sign-?in)/?$", re.IGNORECASE)
SIGN_UP = re.compile(r"/(?:sign-?up|register)/?$", re.IGNORECASE)
FORM = ("fastapi.security.OAuth2PasswordRequestForm", "fastapi.security.OAuth2PasswordRequestFormStrict")


@rule.check
def routes(route: Route, project: Project) -> Iterator[Finding]:
    if route.kind != "http" or "POST" not in route.methods or route.function is None:
        return
    # A login is for those who have not signed in, whatever cookies its dependencies read.
    if route.auth and LOGIN.search(route.full_path) is None:
        return
    if route.path_parameters:
        return  # `/services/{name}/register` registers a service, not a person
    takes_form = any(d.name in FORM for d in route.dependencies)
    if not takes_form and SENSITIVE.search(route.full_path) is None:
        return
    if any(True for _ in limits_of(route)) or project.gateway_limit is not None:
        return
    operation = f"POST {route.full_path}"
    if SIGN_UP.search(route.full_path):
        yield route.finding(
            f"Nothing limits how often `{operation}` may be called: anybody can create accounts without end. "
            "Limit it by address.",
            severity=Severity.MEDIUM,
        )
        return
    yield route.finding(
        f"Nothing limits how often `{operation}` may be tried: passwords and codes can be guessed at full speed. "
        "Limit it by account and by address."
    )


@rule.check
def on_the_wire(bursts: Bursts) -> Iterator[Finding | Refutation | Undecided]:
    for each in bursts.tried:
        if not each.is_login:
            continue
        if refusal := each.refusal:
            seen = f"`{each.operation}` refuses after {each.answers.index(refusal)} tries"
            yield Refutation(
                "The running service limits how often this login may be tried.",
                each.operation,
                (refusal.observation(seen),),
            )
        elif each.unlimited:
            yield Finding(
                f"Nothing limits how often `{each.operation}` may be tried: passwords and codes can be guessed at full speed. "
                "Limit it by account and by address.",
                operation=each.operation,
                observations=(each.answers[-1].observation(each.told),),
            )
    if not any(each.is_login and (each.limited or each.unlimited) for each in bursts.tried):
        logins = any(each.is_login for each in bursts.tried)
        yield Undecided(
            "the answers of the login differ, and none names a limit"
            if logins
            else "no login was tried: none is known, or it is called with --mutating only"
        )


@rule.proof
def thirty_wrong_passwords_are_tried(bad: Served) -> None:
    assert {bad.post("/auth/login?password=0000").status_code for _ in range(30)} == {200}
