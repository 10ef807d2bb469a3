"""Secret compared with `==`

`==` stops at the first byte that differs, so the time of the answer tells how much of the secret was right. Over many
requests a key or signature can be guessed byte by byte.

## Use instead
`secrets.compare_digest(given, known)`, which takes the same time for every wrong value.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Expression, Function, Parameter, Settings
from fastapi_audit.rule import Bad, Confidence, Finding, Good, Rule, Severity

SECRET = re.compile(
    r"(api_?key|secret|token|passw(or)?d|signature|digest|hmac|webhook_?key|master_?key|auth_?key)\w*$", re.IGNORECASE
)

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.MEDIUM,
    confidence=Confidence.MEDIUM,
    cwe="CWE-208",
    references=["https://docs.python.org/3/library/secrets.html#secrets.compare_digest"],
    unproven="the difference is a few nanoseconds: it shows over thousands of requests on a quiet machine, not in one test",
    examples=[
        Bad(
            """
            from typing import Annotated

            from fastapi import Depends, FastAPI, Header, HTTPException
            from pydantic_settings import BaseSettings


            class Settings(BaseSettings):
                api_key: str = ""


            settings = Settings()
            app = FastAPI()


            def only_known(x_api_key: Annotated[str, Header()]) -> None:
                if x_api_key != settings.api_key:  # finding
                    raise HTTPException(401)


            @app.get("/leads", dependencies=[Depends(only_known)])
            def leads() -> list:
                return []
            """
        ),
        Bad(
            """
            import hashlib
            import hmac

            from fastapi import FastAPI, HTTPException, Request

            app = FastAPI()


            @app.post("/hook")
            async def hook(request: Request) -> None:
                known = hmac.new(b"key", await request.body(), hashlib.sha256)
                given = request.headers["x-signature"]
                if given == known.hexdigest():  # finding
                    return
                raise HTTPException(401)
            """
        ),
        Good(
            """
            import secrets
            from typing import Annotated

            from fastapi import Depends, FastAPI, Header, HTTPException
            from pydantic import BaseModel
            from pydantic_settings import BaseSettings
            from sqlalchemy import select
            from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


            class Settings(BaseSettings):
                api_key: str = ""


            class Passwords(BaseModel):
                password: str
                again: str
                token_type: str


            class Base(DeclarativeBase):
                pass


            class Session(Base):
                __tablename__ = "sessions"
                token: Mapped[str] = mapped_column(primary_key=True)


            settings = Settings()
            app = FastAPI()


            class Caller:
                def __init__(self, key: str, name: str) -> None:
                    self.api_key = key
                    self.name = name


            def caller(x_api_key: Annotated[str, Header()]) -> Caller:
                return Caller(x_api_key, "ada")


            def may_see(who: Caller, key: str) -> bool:
                return who.api_key == key or who.name == "root"


            @app.get("/keys/{key}")
            def key_info(key: str, who: Annotated[Caller, Depends(caller)]) -> bool:
                return may_see(who, key)


            @app.get("/sessions")
            def session(token: str) -> str:
                return str(select(Session).where(Session.token == token))


            @app.post("/passwords")
            def change(body: Passwords, x_api_key: Annotated[str, Header()]) -> None:
                if not secrets.compare_digest(x_api_key, settings.api_key):
                    raise HTTPException(401)
                if body.password != body.again or body.token_type == "bearer" or settings.api_key == "":
                    raise HTTPException(422)
            """
        ),
    ],
)


@rule.check
def comparisons(function: Function) -> Iterator[Finding]:
    if not function.ways:
        return
    for expression in function.expressions_of("operation"):
        if expression.operator not in {"==", "!="} or len(expression.operands) != 2:
            continue
        if is_query(expression):
            continue
        one, other = expression.operands
        for given, known in ((one, other), (other, one)):
            if is_secret(known, function) and from_request(given, function):
                yield expression.finding(
                    f"`{expression.text}` takes longer the more of the secret is right. Use `secrets.compare_digest`.",
                    operation=function.reach.operation if function.reach else None,
                )
                break


def is_query(comparison: Expression) -> bool:
    """`User.token == token` is a condition for the database."""
    names = [e for o in comparison.operands for e in o.walk() if e.kind == "name"]
    return comparison.passed_to is not None or any(n.defined_class is not None and n.type_name is None for n in names)


def is_secret(expression: Expression, function: Function) -> bool:
    if (expression.type_name or "").startswith("hmac."):
        return True
    owner, _, last = (expression.written or "").rpartition(".")
    return (
        SECRET.search(last) is not None and not from_request(expression, function) and not is_of_caller(owner, function)
    )


def is_of_caller(owner: str, function: Function | None, depth: int = 3) -> bool:
    """Whether the object is what a dependency found out about the caller: its own key is no secret to it."""
    parameter = function.parameter(owner) if function is not None else None
    if function is None or parameter is None or isinstance(parameter.defined_class, Settings):
        return False
    if parameter.is_dependency:
        return True
    passed = [(call, call.argument(owner, position_of(parameter))) for call in function.callers] if depth else []
    return any(a is not None and is_of_caller(a.text, call.function, depth - 1) for call, a in passed)


def position_of(parameter: Parameter) -> int:
    """Where a call passes it, `self` not counted."""
    names = [p.name for p in parameter.function.parameters if p.name not in {"self", "cls"}]
    return names.index(parameter.name) if parameter.name in names else 0


def from_request(expression: Expression, function: Function) -> bool:
    """Also of what is compared only here: the comparison itself is no check of it."""
    assigned = [s.value for s in function.statements_of("assign") if any(t.text == expression.text for t in s.targets)]
    if any(o.is_text for e in (expression, *assigned) if e is not None for o in e.origins):
        return True
    is_entry = any(w.before is None and w.context in {"route", "dependency", "websocket"} for w in function.ways)
    return is_entry and function.parameter(expression.text) is not None
