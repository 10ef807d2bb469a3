"""Broad except that turns a 404 into a 500

`HTTPException` is an `Exception`. A `try` that raises it and catches `Exception` handles its own answer as a failure:
a 404 became `500 {"detail": "404: no such user"}`. Clients retry what they should not, and monitors count errors that
are none.

## Use instead
`except HTTPException: raise` before the broad clause, or raise after the `try`.
"""

import re
from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Handler, Statement
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://fastapi.tiangolo.com/tutorial/handling-errors/"],
    cwe="CWE-396",
    examples=[
        Bad(
            """
            from fastapi import FastAPI, HTTPException

            app = FastAPI()

            @app.get("/users/{name}")
            def user(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(404, "no such user")
                    return name
                except Exception as error:  # finding
                    raise HTTPException(500, "failed") from error
            """,
            fixed="""
            from fastapi import FastAPI, HTTPException

            app = FastAPI()

            @app.get("/users/{name}")
            def user(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(404, "no such user")
                    return name
                except HTTPException:
                    raise
                except Exception as error:
                    raise HTTPException(500, "failed") from error
            """,
        ),
        Good(
            """
            import logging

            from fastapi import FastAPI, HTTPException, status

            logger = logging.getLogger(__name__)

            def load(name: str) -> str: ...

            def as_answer(error: Exception) -> HTTPException: ...

            app = FastAPI()

            @app.get("/first")
            def first(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(404)
                    return name
                except HTTPException:
                    raise
                except Exception as error:
                    raise HTTPException(500) from error

            @app.get("/again")
            def again(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(404)
                    return name
                except Exception:
                    logger.exception("failed")
                    raise

            @app.get("/checked")
            def checked(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(404)
                    return name
                except Exception as error:
                    if isinstance(error, HTTPException):
                        raise
                    raise HTTPException(500) from error

            @app.get("/same")
            def same(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(400, "no such user")
                    return name
                except Exception as error:
                    raise HTTPException(400, "failed") from error

            @app.get("/told")
            def told(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(404, "no such user")
                    return name
                except Exception as error:
                    return error.detail if isinstance(error, HTTPException) else "failed"

            @app.get("/named")
            def named(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(status.HTTP_400_BAD_REQUEST, "no such user")
                    return name
                except Exception as error:
                    raise HTTPException(status.HTTP_400_BAD_REQUEST, "failed") from error

            @app.get("/kept")
            def kept(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(404, "no such user")
                    return name
                except Exception as error:
                    raise as_answer(error)

            @app.get("/status")
            def with_status(name: str) -> str:
                try:
                    if name != "ada":
                        raise HTTPException(404, "no such user")
                    return name
                except Exception as error:
                    raise HTTPException(getattr(error, "status_code", 500), "failed") from error

            @app.get("/all")
            def all_of_them(names: str) -> str:
                for name in names.split(","):
                    try:
                        if name != "ada":
                            raise HTTPException(404, "no such user")
                    except Exception:
                        logger.exception("skipped")
                return names

            @app.get("/inner")
            def inner(name: str) -> str:
                try:
                    try:
                        return load(name)
                    except KeyError:
                        raise ValueError(name) from None
                except Exception as error:
                    raise HTTPException(500) from error
            """
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException

            class NotFound(HTTPException):
                def __init__(self) -> None:
                    super().__init__(404, "no such lead")

            app = FastAPI()
            leads = {1: "Ann"}

            @app.get("/leads/{lead_id}")
            def lead(lead_id: int) -> str:
                try:
                    if lead_id not in leads:
                        raise NotFound
                    return leads[lead_id]
                except Exception:  # finding
                    raise HTTPException(500, "leads are not available")
            """,
            fixed="""
            from fastapi import FastAPI, HTTPException

            class NotFound(HTTPException):
                def __init__(self) -> None:
                    super().__init__(404, "no such lead")

            app = FastAPI()
            leads = {1: "Ann"}

            @app.get("/leads/{lead_id}")
            def lead(lead_id: int) -> str:
                try:
                    if lead_id not in leads:
                        raise NotFound
                    return leads[lead_id]
                except NotFound:
                    raise
                except Exception:
                    raise HTTPException(500, "leads are not available")
            """,
        ),
        Bad(
            """
            from fastapi import FastAPI, HTTPException

            app = FastAPI()
            leads = {1: "Ann"}

            def missing(what: str) -> HTTPException:
                return HTTPException(404, f"no such {what}")

            @app.get("/leads/{lead_id}")
            def lead(lead_id: int) -> str:
                try:
                    if lead_id not in leads:
                        raise missing("lead")
                    return leads[lead_id]
                except Exception:  # finding
                    raise HTTPException(500, "leads are not available")
            """
        ),
        Good(
            """
            from fastapi import FastAPI, HTTPException

            class Refused(HTTPException):
                def __init__(self, status: int) -> None:
                    super().__init__(status, "refused")

            class NotFound(Refused):
                pass

            app = FastAPI()
            leads = {1: "Ann"}

            @app.get("/leads/{lead_id}")
            def lead(lead_id: int) -> str:
                try:
                    if lead_id < 0:
                        raise Refused(422)
                    if lead_id not in leads:
                        raise NotFound(404)
                    return leads[lead_id]
                except Refused:
                    raise
                except Exception:
                    raise HTTPException(500, "leads are not available")
            """
        ),
        Good(
            """
            from fastapi import FastAPI, HTTPException

            app = FastAPI()
            leads = {1: "Ann"}

            @app.get("/leads/{lead_id}")
            def lead(lead_id: int) -> str:
                try:
                    try:
                        if lead_id not in leads:
                            raise HTTPException(404, "no such lead")
                    except HTTPException:
                        leads[lead_id] = "somebody"
                    return leads[lead_id]
                except Exception:
                    raise HTTPException(500, "leads are not available")
            """
        ),
    ],
)

_NUMBER = re.compile(r"HTTP_(\d{3})")
HTTP = ("fastapi.HTTPException", "starlette.exceptions.HTTPException")


@rule.check
def swallows(handler: Handler) -> Iterator[Finding]:
    function = handler.function
    if not handler.is_broad or function is None or function.in_request is None or not _answers(handler):
        return
    if _lets_through(handler):
        return
    around = Statement(next(iter(handler.ancestors)), handler.body)
    earlier = {t for h in around.handlers if h.location < handler.location for t in h.types}
    if not earlier.isdisjoint(HTTP):
        return
    raised = next((r for r in _raised_in(around) if earlier.isdisjoint(_classes(r))), None)
    status = _status(raised) if raised is not None else ""
    if raised is None or (status and status in {_status(s.value) for s in handler.walk() if s.kind == "raise"}):
        return
    yield handler.finding(
        f"The `HTTPException{status}` raised in this `try` (line {raised.location.line}) is caught here as well and "
        "answered as something else. Put `except HTTPException: raise` before.",
        fix=_fix(handler, raised),
    )


def _raised_in(around: Statement) -> Iterator[Expression]:
    """The HTTP exceptions that are raised in the `try` itself, in source order."""
    for statement in (s for child in around.children for s in child.walk() if s.kind == "raise"):
        value, inner = statement.value, statement.tries
        if value is None or not (value.is_a(*HTTP) or value.is_class(*HTTP)):
            continue
        if inner and inner[0] == around and statement.handler == around.handler:
            yield value


def _classes(raised: Expression) -> set[str | None]:
    """The dotted names of the class that is raised and of all its bases."""
    cls = raised.defined_class
    return {raised.type_name or raised.name, *(cls.bases if cls is not None else ())}


def _answers(handler: Handler) -> bool:
    """Whether the clause ends the request with an answer of its own; one that only notes the failure goes on."""
    return any(statement.kind in {"raise", "return"} for statement in handler.walk())


def _lets_through(handler: Handler) -> bool:
    """A bare `raise` anywhere may be the one for HTTPException, and a test for it or its status tells them apart."""
    variable = handler.variable
    if any(c.name == "isinstance" and "HTTPException" in c.text for c in handler.calls):
        return True
    if variable is not None and any(_keeps(c, variable) for c in handler.calls):
        return True
    return any(_goes_on(s, variable) for s in handler.walk())


def _goes_on(statement: Statement, variable: str | None) -> bool:
    """`raise`, `raise error`, or an answer made with `error.status_code`."""
    value = statement.value
    if statement.kind == "raise" and value is None:
        return True
    if value is None or variable is None:
        return False
    again = statement.kind == "raise" and value.text == variable
    return again or any(e.written == f"{variable}.status_code" for e in value.walk())


def _keeps(call: Call, variable: str) -> bool:
    """Whether the exception is given to something that may keep its status: `raise as_answer(error)`."""
    if call.name == "getattr":
        return any("status_code" in a.text for a in call.arguments)
    if not any(a.written == variable for a in (*call.arguments, *call.keywords.values())):
        return False
    answers = call.returned or any(s.value == call for s in call.body.statements_of("raise"))
    return answers and call.name not in {"str", "repr"}


def _status(raised: Expression | None) -> str:
    given = raised.argument("status_code", 0) if isinstance(raised, Call) else None
    if given is None:
        return ""
    constant = given.constant
    number = str(constant) if isinstance(constant, int) else "".join(_NUMBER.findall(given.name or given.text)[:1])
    return f"({number or given.text.rpartition('.')[2]})"


def _fix(handler: Handler, raised: Expression) -> Fix | None:
    cls = raised.callee if isinstance(raised, Call) else raised
    if not cls.is_class(*HTTP):
        return None  # a variable, or a function that makes it
    indent = " " * (handler.location.column - 1)
    return Fix(
        "Let HTTP errors through",
        (handler.insert_before(f"except {cls.text}:\n{indent}    raise\n{indent}"),),
        safe=False,
    )


@rule.proof
def the_404_becomes_a_500(bad: Served) -> None:
    assert bad.get("/users/bob").status_code == 500
