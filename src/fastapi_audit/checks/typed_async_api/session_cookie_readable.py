"""Session cookie that every script on the page can read

`set_cookie` sets neither `HttpOnly` nor `Secure` unless told. Without the first, any script that gets into a page, through
one injected comment or one bad package, reads the session and sends it away: the attacker is then signed in elsewhere, and
stays so. Without the second, one request over plain HTTP shows the session to the whole network.

## Use instead
`response.set_cookie(name, value, httponly=True, secure=True, samesite="lax")`; `SessionMiddleware` sets `HttpOnly` itself.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import SESSION_COOKIE, Call, SessionCookie
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    cwe="CWE-1004",
    references=["https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html#cookies"],
    examples=[
        Bad(
            """
            import secrets

            from fastapi import FastAPI, Response
            from pydantic import BaseModel

            class Credentials(BaseModel):
                name: str
                password: str

            app = FastAPI()

            @app.post("/login")
            def login(credentials: Credentials, response: Response) -> str:
                response.set_cookie("session_id", secrets.token_hex(16), samesite="lax")  # finding
                return credentials.name
            """
        ),
        Bad(
            """
            import secrets

            from fastapi import FastAPI
            from fastapi.responses import RedirectResponse

            COOKIE = "access_token"
            app = FastAPI()

            def signed_in(token: str) -> RedirectResponse:
                answer = RedirectResponse("/", status_code=303)
                answer.set_cookie(key=COOKIE, value=f"Bearer {token}", httponly=False, secure=True)  # finding
                return answer

            @app.get("/callback")
            def callback() -> RedirectResponse:
                return signed_in(secrets.token_hex(16))
            """
        ),
        Good(
            """
            import os
            import secrets

            from fastapi import FastAPI, Request, Response
            from starlette.middleware.base import BaseHTTPMiddleware

            SECURE = os.environ.get("COOKIE_SECURE", "") == "1"
            OPTIONS = {"httponly": True, "secure": SECURE}
            app = FastAPI()

            @app.get("/login")
            def login(response: Response) -> str:
                response.set_cookie("session_id", secrets.token_hex(16), httponly=True, secure=SECURE)
                response.set_cookie("refresh_token", secrets.token_hex(16), **OPTIONS)
                response.set_cookie("csrf_token", secrets.token_hex(16), secure=SECURE)
                response.set_cookie("theme", "dark-with-a-long-name-of-its-own")
                return "ok"

            @app.get("/leave")
            def leave(response: Response) -> str:
                response.set_cookie("session_id", "", max_age=0)
                response.delete_cookie("refresh_token")
                return "ok"
            """
        ),
        Good(
            """
            import secrets

            from fastapi import FastAPI, Request
            from starlette.middleware.sessions import SessionMiddleware

            app = FastAPI()
            app.add_middleware(SessionMiddleware, secret_key=secrets.token_hex(16))

            @app.get("/visit")
            def visit(request: Request) -> int:
                request.session["visits"] = request.session.get("visits", 0) + 1
                return request.session["visits"]
            """
        ),
        Bad(
            """
            import secrets

            from fastapi import FastAPI, Response

            app = FastAPI()

            @app.get("/callback")
            def callback(response: Response) -> str:
                response.set_cookie("session_id", secrets.token_hex(16), httponly=True)  # finding
                return "ok"
            """,
            live=False,  # no request that the probe sends gets it
        ),
        Good(
            """
            from fastapi import FastAPI, Response

            app = FastAPI()

            @app.get("/leave")
            def leave(response: Response) -> str:
                response.set_cookie("session_id", "")
                return "ok"
            """,
            live=False,  # there is no session to leave
        ),
    ],
)

KEY, VALUE, MAX_AGE, EXPIRES, SECURE, HTTP_ONLY = 0, 1, 2, 3, 6, 7
"""Positions of the arguments."""
OFF = (False, None)


@rule.check(of=["fastapi.Response.*", "starlette.responses.*"])
def cookies(call: Call) -> Iterator[Finding]:
    # A table of options is nearly always where the flags are.
    if call.method != "set_cookie" or call.has_unknown_arguments or "**" in call.text:
        return
    key, value = call.argument("key", KEY), call.argument("value", VALUE)
    name = key.constant if key is not None else None
    if not isinstance(name, str) or not SESSION_COOKIE.fullmatch(name) or _is_forgotten(call):
        return
    if value is None or not value.constant:
        return
    http_only = call.argument("httponly", HTTP_ONLY)
    if http_only is None or http_only.constant in OFF:
        found = call.finding(
            f"Every script that gets into a page reads the cookie `{name}`, and with it the session. Set it with "
            "`httponly=True`."
        )
        # Who writes `httponly=False` wants a script to read it, as some single-page applications do.
        yield found if http_only is None else replace(found, confidence=Confidence.LOW)
    elif call.argument("secure", SECURE) is None:
        yield call.finding(
            f"Browsers send the cookie `{name}` over plain HTTP too, where the network reads it. Set it with `secure=True`.",
            severity=Severity.LOW,
        )


def _is_forgotten(call: Call) -> bool:
    """Whether the cookie is taken back."""
    lives = (call.argument("max_age", MAX_AGE), call.argument("expires", EXPIRES))
    return any(each is not None and each.constant == 0 for each in lives)


@rule.check
def on_the_wire(cookie: SessionCookie) -> Iterator[Finding]:
    if not cookie.missing:
        return
    flags = " and ".join(f"`{each}`" for each in cookie.missing)
    readable = "HttpOnly" in cookie.missing
    yield Finding(
        f"`{cookie.operation}` sets the cookie `{cookie.name}` without {flags}: "
        + ("every script on the page reads the session." if readable else "it travels over plain HTTP too."),
        operation=cookie.operation,
        severity=None if readable else Severity.LOW,
        observations=(cookie.exchange.observation(f"`{cookie.name}` has {_listed(cookie)}"),),
    )


def _listed(cookie: SessionCookie) -> str:
    return f"only {', '.join(sorted(cookie.flags))}" if cookie.flags else "no flags at all"


@rule.proof
def the_flag_is_missing(bad: Served) -> None:
    reply = bad.post("/login", json={"name": "ann", "password": "secret"})
    assert "session_id=" in reply.headers["set-cookie"]
    assert "httponly" not in reply.headers["set-cookie"].lower()
    assert "secure" not in reply.headers["set-cookie"].lower()
