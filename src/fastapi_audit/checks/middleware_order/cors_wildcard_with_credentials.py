"""CORS lets every origin act with the user's credentials

With `allow_origins=["*"]` and `allow_credentials=True` Starlette does not send `*`, which browsers would refuse: it
mirrors the Origin of the request and adds `access-control-allow-credentials: true`. Every website that a signed-in
user visits can then read and change what the user can, with cookies and with preflighted methods. Without cookies,
sessions or HTTP Basic in the application it is of medium severity: there is nothing yet that browsers add by themselves.

## Use instead
List the origins of your own frontends. A public API without cookies keeps `*` and leaves `allow_credentials` out.
"""

from collections.abc import Iterator
from dataclasses import replace

from fastapi_audit.evidence import CrossOriginAnswer, Middleware, Project
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Refutation, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.CRITICAL,
    cwe="CWE-942",
    references=[
        "https://fastapi.tiangolo.com/tutorial/cors/",
        "https://developer.mozilla.org/docs/Web/HTTP/Guides/CORS#requests_with_credentials",
    ],
    examples=[
        Bad(
            """
            from fastapi import Cookie, FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            # finding
            app.add_middleware(
                CORSMiddleware, allow_origins=["*"], allow_credentials=True, allow_methods=["*"], allow_headers=["*"]
            )

            @app.delete("/account")
            def delete_account(session: str = Cookie()) -> str:
                return f"deleted the account of {session}"
            """
        ),
        Bad(
            {
                "settings.py": """
                from pydantic_settings import BaseSettings

                class Settings(BaseSettings):
                    cors_origins: list[str] = ["*"]

                settings = Settings()
                """,
                "main.py": """
                from fastapi import FastAPI
                from fastapi.middleware.cors import CORSMiddleware
                from settings import settings

                app = FastAPI()
                options = {"allow_origins": settings.cors_origins, "allow_credentials": True}
                app.add_middleware(CORSMiddleware, **options)  # finding
                """,
            }
        ),
        Good(
            """
            import os

            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            public = FastAPI()
            public.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"])

            app = FastAPI()
            app.mount("/public", public)
            app.add_middleware(
                CORSMiddleware,
                allow_origins=os.environ["ORIGINS"].split(","),
                allow_credentials=True,
                allow_headers=["*"],
            )
            """,
            live=False,  # needs a variable
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.cors import CORSMiddleware

            app = FastAPI()
            app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=False)
            """
        ),
    ],
)


@rule.check
def cors(middleware: Middleware, project: Project) -> Iterator[Finding]:
    if not middleware.is_a("starlette.middleware.cors.CORSMiddleware"):
        return
    origins, credentials = middleware.constant("allow_origins"), middleware.constant("allow_credentials")
    if credentials is not True or not isinstance(origins, str | list) or "*" not in origins:
        return
    is_default = middleware.is_default("allow_origins") or middleware.is_default("allow_credentials")
    found = middleware.finding(
        _message(signed_in=project.source.browsers_sign_in)
        + (" This is the default of a setting: without one, it is open." if is_default else ""),
        severity=None if project.source.browsers_sign_in else Severity.MEDIUM,
    )
    yield replace(found, confidence=Confidence.MEDIUM) if is_default else found


def _message(*, signed_in: bool) -> str:
    answered = "with `allow_credentials=True`, the origin `*` is answered with the caller's own origin. "
    if signed_in:
        return f"Any website can call this API as the signed-in user: {answered}List the origins that you trust."
    return (
        f"From the first cookie on, any website can call this API as the signed-in user: {answered}List the origins that "
        "you trust, or leave the credentials out."
    )


@rule.check
def on_the_wire(answer: CrossOriginAnswer) -> Iterator[Finding | Refutation | Undecided]:
    if exchange := answer.lets_it_act_as_the_user:
        seen = f"a page of {answer.origin} may act as the user: the answer names that origin and allows credentials"
        whoever = "Any" if answer.browsers_sign_in else "From the first cookie on, any"
        yield Finding(
            f"{whoever} website can call this service as the signed-in user: the answer names "
            "whatever origin asks, and allows credentials. List the origins that you trust.",
            severity=None if answer.browsers_sign_in else Severity.MEDIUM,
            observations=(exchange.observation(seen),),
        )
    elif answer.lets_nobody_in:
        seen = f"a page of {answer.origin} gets no leave to send the user's cookies"
        yield Refutation(
            "The running service lets no foreign site act as the user.",
            observations=(answer.plain.observation(seen), answer.preflight.observation(seen)),
        )
    else:
        gave = answer.plain.failure or answer.plain.status
        yield Undecided(f"a page of a foreign site could not be tried: {answer.plain.path} gave {gave}")


@rule.proof
def a_foreign_site_may_act_as_the_user(bad: Served) -> None:
    evil = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
    answer = bad.request("OPTIONS", "/account", headers=evil)
    assert answer.headers["access-control-allow-origin"] == "https://evil.example"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "DELETE" in answer.headers["access-control-allow-methods"]
