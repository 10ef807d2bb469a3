"""Redirect to wherever the caller says

The target of the redirect comes from the request. A link to your own domain then leads to any other site, which is how
phishing mails and stolen OAuth codes get a trustworthy address. Measured: `?next=https://evil.example` answers 307 with
exactly that `Location`.

## Use instead
Redirect to a path of your own (`"/" + name`), or compare the host with the ones that you allow.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Served, Severity

OWN = ("request.url", "request.headers", "request.client")
"""Parts of a request that another site cannot choose for its visitor."""

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    confidence=Confidence.MEDIUM,
    cwe="CWE-601",
    references=["https://cheatsheetseries.owasp.org/cheatsheets/Unvalidated_Redirects_and_Forwards_Cheat_Sheet.html"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.responses import RedirectResponse

            app = FastAPI()


            @app.get("/login")
            def login(next: str = "/") -> RedirectResponse:
                return RedirectResponse(next)  # finding
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from fastapi.responses import RedirectResponse

            app = FastAPI()


            def back(target: str) -> RedirectResponse:
                return RedirectResponse(url=f"{target}?done=1", status_code=303)  # finding


            @app.get("/logout")
            async def logout(request: Request) -> RedirectResponse:
                return back(request.query_params["next"])
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException
            from fastapi.responses import RedirectResponse
            from pydantic import AnyUrl

            app = FastAPI()


            @app.get("/logout")
            async def logout(redirect_uri: AnyUrl | None = None) -> RedirectResponse:
                if redirect_uri is None:
                    raise HTTPException(400)
                return RedirectResponse(str(redirect_uri), 302)  # finding
            """
        ),
        Good(
            """
            from urllib.parse import urlparse

            from fastapi import FastAPI, HTTPException, Request
            from fastapi.responses import RedirectResponse

            app = FastAPI()
            HOSTS = {"leads.example"}


            @app.get("/leads/{number}")
            def lead(number: int, name: str) -> RedirectResponse:
                return RedirectResponse(f"/people/{name}?number={number}")


            @app.get("/secure")
            def secure(request: Request) -> RedirectResponse:
                return RedirectResponse(str(request.url.replace(scheme="https")))


            @app.get("/login")
            def login(next: str = "/") -> RedirectResponse:
                if urlparse(next).netloc not in HOSTS:
                    raise HTTPException(400)
                return RedirectResponse(next)


            @app.get("/home")
            def home(request: Request) -> RedirectResponse:
                wanted = request.query_params.get("next")
                return RedirectResponse(wanted if wanted and urlparse(wanted).netloc in HOSTS else "/")


            @app.get("/named")
            def named(request: Request, name: str) -> RedirectResponse:
                return RedirectResponse(request.url_for("lead", number=1))
            """
        ),
        Good(
            """
            from fastapi import FastAPI
            from fastapi.responses import RedirectResponse

            HOME = {"url": "https://example.com/", "status_code": 308}
            app = FastAPI()


            @app.get("/")
            def home() -> RedirectResponse:
                return RedirectResponse(**HOME)
            """
        ),
    ],
)


@rule.check(of=["starlette.responses.RedirectResponse"])
def redirects(call: Call) -> Iterator[Finding]:
    target = call.argument("url", 0)
    if target is None:
        return
    chosen = next((o for o in target.origins if o.is_text and o.leads and not o.what.startswith(OWN)), None)
    if chosen is None:
        return
    yield call.finding(
        f"`{chosen.what}` of `{chosen.function.name}` decides where this redirect leads, so a link to this service can lead to "
        "any site. Allow only paths or hosts of your own.",
        trace=chosen.steps,
        operation=next((w.operation for w in chosen.function.ways if w.before is None and w.operation), None),
    )


@rule.proof
def it_leads_to_another_site(bad: Served) -> None:
    """The address of the caller is in the answer."""
    assert bad.get("/login", params={"next": "https://evil.example"}).headers["location"] == "https://evil.example"
