"""Rate limit keyed by an address that the client chooses

`X-Forwarded-For` begins with what the client sent. A server that trusts it from everybody, with
`--forwarded-allow-ips '*'`, `FORWARDED_ALLOW_IPS=*` or `ProxyHeadersMiddleware(trusted_hosts="*")`, takes the
left-most entry as the address: 60 of 60 requests passed a limit of ten, each with another invented address. Reading
the header in the key function is the same, and slowapi's `get_ipaddr` reads a header named `X_FORWARDED_FOR` that any
client may send.

## Use instead
Trust the proxy alone, `--forwarded-allow-ips 10.0.0.5`, and key by `get_remote_address`, or by user id or API key.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Bursts, Expression, Function, Middleware, Project, Resource
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity, Undecided

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-348",
    references=["https://www.uvicorn.org/settings/#http", "https://fastapi.tiangolo.com/advanced/behind-a-proxy/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter

            def client(request: Request) -> str:
                forwarded = request.headers.get("X-Forwarded-For")
                return forwarded.split(",")[0] if forwarded else "unknown"

            limiter = Limiter(key_func=client)  # finding
            app = FastAPI()
            app.state.limiter = limiter

            @app.get("/login")
            @limiter.limit("2/minute")
            def login(request: Request) -> str:
                return "ok"
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_ipaddr, get_remote_address
            from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

            limiter = Limiter(key_func=get_remote_address)
            other = Limiter(key_func=get_ipaddr)  # finding
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(ProxyHeadersMiddleware, trusted_hosts="*")  # finding

            @app.get("/leads")
            @limiter.limit("2/minute")
            def leads(request: Request) -> str:
                return "ok"
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address
            from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

            def user_or_address(request: Request) -> str:
                return request.headers.get("X-Api-Key") or get_remote_address(request)

            limiter = Limiter(key_func=user_or_address)
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=["10.0.0.5"])

            @app.get("/whoami")
            @limiter.limit("2/minute")
            def whoami(request: Request) -> str | None:
                return request.headers.get("x-forwarded-for")
            """
        ),
        Good(
            """
            from fastapi import FastAPI, Request
            from slowapi import Limiter
            from slowapi.util import get_remote_address
            from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

            limiter = Limiter(key_func=get_remote_address)
            app = FastAPI()
            app.state.limiter = limiter
            app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=["10.0.0.5"])

            @app.get("/leads")
            @limiter.limit("2/minute")
            def leads(request: Request) -> str:
                return "ok"
            """,
            live=False,  # it stands behind a proxy
        ),
    ],
)

SPOOFABLE = frozenset({"x-forwarded-for", "x-real-ip", "x_forwarded_for", "client-ip", "x-client-ip", "true-client-ip"})
PROXY_HEADERS = "uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware"


@rule.check
def limiters(resource: Resource) -> Iterator[Finding]:
    key = resource.written("key_func", 0) if resource.is_a("slowapi.Limiter") else None
    if key is None:
        return
    header = "X_FORWARDED_FOR" if key.name == "slowapi.util.get_ipaddr" else _header_read(key.defined_function)
    if header is not None:
        yield resource.finding(
            f"The limit is keyed by the header `{header}`, which the client writes: another value for each request "
            "escapes it. Key by `get_remote_address` behind a trusted proxy, or by user."
        )


@rule.check
def middleware(middleware: Middleware, project: Project) -> Iterator[Finding]:
    if not middleware.is_a(PROXY_HEADERS) or not _keyed_by_address(project):
        return
    trusted = middleware.option("trusted_hosts", 0)
    if trusted is not None and trusted.constant in ("*", ["*"]):
        yield middleware.finding(
            "Forwarded headers are believed from everybody, so the address that the rate limit counts by is what the "
            "client writes. Trust the proxy alone."
        )


@rule.check
def on_the_wire(bursts: Bursts) -> Iterator[Finding | Undecided]:
    for each in bursts.tried:
        if (escaped := each.escaped) is not None and each.still is not None:
            yield Finding(
                "The rate limit is counted by an address that the client writes into a header: another one for each request "
                "escapes it. Trust the headers of the proxy alone, or count by user.",
                observations=(
                    each.still.observation("the limit is used up"),
                    escaped.observation("and served all the same, because a header names another address"),
                ),
            )
    if not any(each.escaped or each.held for each in bursts.tried):
        refused = any(each.refusal for each in bursts.tried)
        yield Undecided(
            "a limit was met, and no other address could be tried while it held" if refused else "no limit was met"
        )


def _keyed_by_address(project: Project) -> bool:
    keys = [r.written("key_func", 0) for r in project.source.resources if r.is_a("slowapi.Limiter")]
    return any(k is not None and k.name == "slowapi.util.get_remote_address" for k in keys)


def _header_read(function: Function | None) -> str | None:
    for expression in function.expressions if function is not None else ():
        if _is_header_name(expression):
            return str(expression.constant)
    return None


def _is_header_name(expression: Expression) -> bool:
    value = expression.constant if expression.kind == "constant" else None
    return isinstance(value, str) and value.lower() in SPOOFABLE


@rule.proof(needs=("slowapi",))
def an_invented_address_escapes(bad: Served) -> None:
    replies = [bad.get("/login", headers={"X-Forwarded-For": f"6.6.6.{number}"}) for number in range(5)]

    assert [r.status_code for r in replies] == [200] * 5
