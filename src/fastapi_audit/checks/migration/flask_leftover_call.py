"""Flask API in a FastAPI handler

Flask's functions need Flask's application context, which a FastAPI route does not have. Measured: `jsonify` and
`request` raise `RuntimeError: Working outside of …`, `abort(404)` answers 500, and a returned `flask.Response` or
`redirect(…)` answers 200 with the internals of the object as JSON.

## Use instead
Return the data, raise `HTTPException`, take parameters and `Request` from the signature, return FastAPI's responses.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Expression, Function
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

INSTEAD = {
    "flask.jsonify": "return the data itself",
    "flask.abort": "raise `HTTPException`",
    "werkzeug.exceptions.abort": "raise `HTTPException`",
    "flask.redirect": "return `RedirectResponse`",
    "flask.make_response": "return a FastAPI response",
    "flask.Response": "return `fastapi.Response`",
    "flask.render_template": "use `Jinja2Templates`",
    "flask.send_file": "return `FileResponse`",
    "flask.url_for": "use `request.url_for`",
    "flask.request": "declare parameters, or take `request: Request`",
    "flask.session": "use `SessionMiddleware` and `request.session`",
    "flask.g": "use `request.state`",
    "flask.current_app": "use `request.app`",
    "django.http.JsonResponse": "return the data itself",
    "django.http.HttpResponse": "return a FastAPI response",
}

ASKS = frozenset({"has_request_context", "has_app_context"})

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://flask.palletsprojects.com/en/stable/appcontext/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from flask import abort, jsonify

            app = FastAPI()


            @app.get("/leads/{number}")
            def lead(number: int):
                if number > 10:
                    abort(404)  # finding
                return jsonify({"number": number})  # finding
            """,
            fixed="""
            from fastapi import HTTPException
            from fastapi import FastAPI
            from flask import abort, jsonify

            app = FastAPI()


            @app.get("/leads/{number}")
            def lead(number: int):
                if number > 10:
                    raise HTTPException(404)
                return {"number": number}
            """,
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI

                from paging import page

                app = FastAPI()


                @app.get("/leads")
                async def leads() -> dict:
                    return {"page": page()}
                """,
                "paging.py": """
                import flask


                def page() -> int:
                    return int(flask.request.args["page"])  # finding
                """,
            }
        ),
        Good(
            """
            from a2wsgi import WSGIMiddleware
            from fastapi import FastAPI, Request
            from flask import Flask, has_request_context, jsonify
            from flask import request as flask_request

            legacy = Flask(__name__)


            @legacy.get("/old")
            def old():
                return jsonify({"page": flask_request.args["page"]})


            def page() -> str | None:
                return flask_request.args["page"] if has_request_context() else None


            app = FastAPI()
            app.mount("/legacy", WSGIMiddleware(legacy))


            @app.get("/page")
            def page_of() -> str | None:
                return page()


            @app.get("/leads")
            async def leads(request: Request) -> dict:
                return {"page": request.query_params["page"]}
            """
        ),
        Bad(
            """
            from fastapi import FastAPI
            from flask import abort, render_template

            app = FastAPI()


            @app.get("/leads/{number}")
            def lead(number: int) -> str:
                if number > 10:
                    abort(404, description="no such lead")  # finding
                return render_template("lead.html")  # finding
            """
        ),
    ],
)


@rule.check
def leftovers(function: Function) -> Iterator[Finding]:
    if not function.module.imports_any("flask", "django", "werkzeug") or function.reach is None:
        return
    if any(c.method in ASKS for c in function.calls):
        return
    told: set[str] = set()
    for expression in function.expressions:
        name = known(expression)
        if name is None or (expression.kind == "attribute" and expression.text in told):
            continue
        told.add(expression.text)
        taken = call_of(expression)
        yield (taken or expression).finding(
            f"`{name}` works only inside Flask or Django; in this handler it fails or answers 200 with the wrong body. "
            f"{INSTEAD[name][0].upper()}{INSTEAD[name][1:]}.",
            fix=repaired(taken, name) if taken is not None else None,
            operation=function.reach.operation,
        )


def known(expression: Expression) -> str | None:
    """`abort` of `abort(404)`, `flask.request` of `flask.request.args`: the innermost that has the name."""
    if expression.kind not in {"name", "attribute"}:
        return None
    return expression.name if expression.name in INSTEAD else None


def call_of(expression: Expression) -> Call | None:
    return next((c for c in expression.body.calls if c.callee == expression), None)


def repaired(call: Call, name: str) -> Fix | None:
    if call.keywords or len(call.arguments) != 1:
        return None
    if name == "flask.jsonify" and call.returned:
        return Fix("Return the data", (call.replace(call.arguments[0].text),))
    if name == "flask.abort" and call.discarded and call.function is not None:
        imported = call.function.module.import_edit("from fastapi import HTTPException")
        edit = call.replace(f"raise HTTPException({call.arguments[0].text})")
        return Fix("Raise HTTPException", (edit,) if imported is None else (edit, imported))
    return None


@rule.proof(needs=("flask",))
def abort_answers_500(bad: Served) -> None:
    """Neither the error nor the success comes out as it was meant."""
    assert bad.get("/leads/11").status_code == 500
    assert bad.get("/leads/1").status_code == 500
    bad.stop()
    assert "outside of application context" in bad.log
