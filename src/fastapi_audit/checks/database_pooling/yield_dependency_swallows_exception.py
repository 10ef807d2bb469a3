"""Dependency with yield swallows exceptions

FastAPI throws what the handler raised into the dependency at its `yield`. An `except Exception` around the `yield`
that does not raise again swallows it, `HTTPException` included: a 404 becomes a 500 with
`FastAPIError: … the response was not awaited`, and the real error is in no log.

## Use instead
`raise` at the end of the `except` clause, after the rollback.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Function, Handler
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    cwe="CWE-755",
    references=[
        "https://fastapi.tiangolo.com/tutorial/dependencies/dependencies-with-yield/#always-raise-in-dependencies-with-yield-and-except"
    ],
    examples=[
        Bad(
            """
            from fastapi import Depends, FastAPI, HTTPException

            app = FastAPI()

            def get_db():
                db = {"rolled_back": False}
                try:
                    yield db
                except Exception:  # finding
                    db["rolled_back"] = True
                finally:
                    db.clear()

            @app.get("/leads/{lead_id}")
            def lead(lead_id: int, db: dict[str, bool] = Depends(get_db)) -> int:
                raise HTTPException(404)
            """,
            fixed="""
            from fastapi import Depends, FastAPI, HTTPException

            app = FastAPI()

            def get_db():
                db = {"rolled_back": False}
                try:
                    yield db
                except Exception:
                    db["rolled_back"] = True
                    raise
                finally:
                    db.clear()

            @app.get("/leads/{lead_id}")
            def lead(lead_id: int, db: dict[str, bool] = Depends(get_db)) -> int:
                raise HTTPException(404)
            """,
        ),
        Good(
            """
            from fastapi import Depends, FastAPI, HTTPException

            app = FastAPI()

            class LeadError(Exception):
                pass

            def get_db():
                db = {"open": True}
                try:
                    yield db
                except LeadError:
                    db["open"] = False
                except HTTPException:
                    raise
                except Exception as error:
                    db["open"] = False
                    raise RuntimeError("rolled back") from error

            def settings():
                try:
                    loaded = {"name": "leads"}
                except Exception:
                    loaded = {}
                yield loaded

            @app.get("/leads")
            def leads(db=Depends(get_db), settings=Depends(settings)) -> int:
                return 1
            """
        ),
        Bad(
            """
            import logging

            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_one():
                try:
                    if app.debug:
                        yield {"echo": True}
                    else:
                        yield {}
                except Exception:  # finding
                    pass

            def get_two():
                try:
                    yield {}
                except Exception as error:  # finding
                    logging.exception("rolled back")

            @app.get("/leads")
            def leads(one=Depends(get_one), two=Depends(get_two)) -> int:
                return len(one)
            """,
            fixed="""
            import logging

            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_one():
                try:
                    if app.debug:
                        yield {"echo": True}
                    else:
                        yield {}
                except Exception:
                    raise

            def get_two():
                try:
                    yield {}
                except Exception as error:
                    logging.exception("rolled back")
                    raise

            @app.get("/leads")
            def leads(one=Depends(get_one), two=Depends(get_two)) -> int:
                return len(one)
            """,
        ),
        Bad(
            """
            import logging

            from fastapi import Depends, FastAPI

            app = FastAPI()

            def get_one():
                try:
                    yield {}
                except Exception:  # finding
                    return

            def get_two():
                try:
                    yield {}
                except Exception as error:  # finding
                    if app.debug:
                        logging.warning("rolled back: %s", error)

            @app.get("/leads")
            def leads(one=Depends(get_one), two=Depends(get_two)) -> int:
                return len(one)
            """
        ),
    ],
)


@rule.check
def providers(function: Function) -> Iterator[Finding]:
    if not function.asked_for_by:
        return
    for handler in _around_yields(function):
        if handler.is_broad and not handler.raises:
            yield handler.finding(
                f"What a handler raises ends in this `except` of `{function.name}`, an HTTPException too: the client "
                "gets a 500 without a traceback in the log. Raise it again after the clean-up.",
                fix=_fix(handler),
            )


def _around_yields(function: Function) -> Iterator[Handler]:
    seen = set()
    for place in function.yields:
        for block in place.tries:
            for handler in block.handlers:
                if handler.node not in seen:
                    seen.add(handler.node)
                    yield handler


def _fix(handler: Handler) -> Fix | None:
    if handler.leaves or not handler.children:
        return None
    last = handler.children[-1]
    if last.text == "pass":
        return Fix("Raise it again", (last.replace("raise"),))
    if len(last.text.splitlines()) > 1:
        return None
    indent = " " * (last.location.column - 1)
    return Fix("Raise it again", (last.insert_after(f"\n{indent}raise"),))


@rule.proof
def not_found_becomes_a_server_error(bad: Served) -> None:
    assert bad.get("/leads/1").status_code == 500
