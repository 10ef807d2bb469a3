"""The Host header of a request decides where users are sent

Whatever a client writes into the Host header comes back in the address of a redirect: FastAPI adds or takes away a slash
at the end of a path by sending the browser to the host that the request named. A cache in front, or a link in an e-mail
that was made of the request's address, then leads other users to a site of the attacker's choice.

## Use instead
`TrustedHostMiddleware` with the names of the service, or a proxy that answers only these names. The name that health checks
use belongs in the list too.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import ForgedHostAnswer
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    cwe="CWE-644",
    references=[
        "https://fastapi.tiangolo.com/advanced/middleware/#trustedhostmiddleware",
        "https://portswigger.net/web-security/host-header",
    ],
    examples=[
        Bad(
            """
            from fastapi import FastAPI

            app = FastAPI()

            @app.get("/leads/")
            def leads() -> list[str]:
                return ["Ada"]
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.middleware.trustedhost import TrustedHostMiddleware

            app = FastAPI()
            app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])

            @app.get("/leads/")
            def leads() -> list[str]:
                return ["Ada"]
            """
        ),
        Good(
            """
            from fastapi import FastAPI

            app = FastAPI(redirect_slashes=False)

            @app.get("/leads/")
            def leads() -> list[str]:
                return ["Ada"]
            """
        ),
    ],
)


@rule.check
def on_the_wire(answer: ForgedHostAnswer) -> Iterator[Finding | Undecided]:
    if answer.leads_there:
        yield Finding(
            "Users are redirected to the host that the request names, whoever wrote it. Add TrustedHostMiddleware with the "
            "names of the service, or let the proxy refuse other names.",
            observations=(answer.exchange.observation(f"redirects to {answer.host}, which the client made up"),),
        )
    elif not answer.exchange.answered:
        yield Undecided("no answer came")


@rule.proof
def the_client_chooses_where_it_is_sent(bad: Served) -> None:
    reply = bad.get("/leads", headers={"Host": "evil.example"})
    assert reply.status_code == 307
    assert reply.headers["location"] == "http://evil.example/leads/"
