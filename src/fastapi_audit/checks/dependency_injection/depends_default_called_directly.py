"""Function with Depends defaults called directly

A default `= Depends(get_db)` is filled in by FastAPI only. Whoever calls the function themselves and leaves the
argument out gets the `Depends` marker object in its place, and the first use of it fails, or, worse, does not.

## Use instead
Pass the argument, or put what both need into a plain function. With `Annotated[Session, Depends(get_db)]` and no
default, Python itself reports the missing argument.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Function, Parameter
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/dependencies/#share-annotated-dependencies"],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_name() -> str:
                return "ada"

            def greeting(name: str = Depends(get_name)) -> str:
                return f"hello {name}"

            @app.get("/")
            def read() -> str:
                return greeting()  # finding
            """
        ),
        Good(
            """
            from typing import Annotated

            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_name() -> str:
                return "ada"

            def greeting(name: str = Depends(get_name)) -> str:
                return f"hello {name}"

            def plain(name: Annotated[str, Depends(get_name)] = "nobody") -> str:
                return f"hello {name}"

            def hello(name: object) -> str:
                return f"hello {name}" if isinstance(name, str) else "hello"

            def lenient(name: str = Depends(get_name)) -> str:
                return hello(name=name)

            class Greeter:
                def __init__(self, name: str = Depends(get_name)) -> None:
                    self.name = name

            @app.get("/")
            def read(first: str = Depends(greeting), greeter: Greeter = Depends()) -> str:
                options = {"name": "bob"}
                lenient()
                return greeting("eve") + greeting(name="ada") + greeting(**options) + plain() + Greeter("x").name
            """
        ),
        Bad(
            """
            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_db() -> dict[str, str]:
                return {"name": "Ann"}

            def row(table: str, db: dict[str, str] | None = None) -> str:
                print("reading", table)
                return db["name"] if db is not None else table

            def lead(db: dict[str, str] = Depends(get_db)) -> str:
                return row("leads", db)

            @app.get("/leads")
            def leads() -> str:
                return lead()  # finding
            """
        ),
    ],
)


DEEPEST = 4
"""How many calls a marker is followed through."""


@rule.check
def calls(function: Function) -> Iterator[Finding]:
    needed = [(at, p) for at, p in enumerate(_given(function)) if _is_default(p)]
    if not needed:
        return
    for call in function.callers:
        missing = [p.name for at, p in needed if call.argument(p.name, at) is None]
        if not missing or call.spreads or not _is_plain(call):
            continue
        missing = [name for name in missing if not _is_told_apart(function, name)]
        if not missing:
            continue
        yield call.finding(
            f"`{call.callee.text}` is called without `{missing[0]}`, so it gets the `Depends(…)` marker itself: FastAPI "
            "fills dependencies in only where it makes the call. Pass the argument."
        )


def _given(function: Function) -> list[Parameter]:
    """The parameters that a call fills by position."""
    bound = function.cls is not None and not function.is_decorated("staticmethod")
    return function.parameters[1:] if bound else function.parameters


def _is_told_apart(function: Function, name: str, depth: int = DEEPEST) -> bool:
    """Whether `isinstance` tells the marker from a value, here or where it is handed on."""
    for call in function.calls:
        given = [a.written for a in call.arguments]
        if call.name == "isinstance" and given[:1] == [name]:
            return True
        target = call.target
        if target is None or not depth or name not in {*given, *(v.written for v in call.keywords.values())}:
            continue
        for at, parameter in enumerate(_given(target)):
            passed = call.argument(parameter.name, at)
            if passed is not None and passed.written == name and _is_told_apart(target, parameter.name, depth - 1):
                return True
    return False


def _is_default(parameter: Parameter) -> bool:
    default = parameter.default
    return default is not None and default.is_a("fastapi.Depends", "fastapi.Security")


def _is_plain(call: Call) -> bool:
    """Not an unbound `Class.method(instance, …)`, whose first argument is the instance."""
    receiver = call.receiver
    return receiver is None or receiver.defined_class is None or receiver.type_name is not None


@rule.proof
def the_marker_is_greeted(bad: Served) -> None:
    assert "Depends(" in bad.get("/").text
