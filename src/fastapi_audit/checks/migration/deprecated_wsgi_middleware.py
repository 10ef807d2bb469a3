"""Starlette's WSGIMiddleware

The bridge that carries a Flask or Django application beside FastAPI is deprecated and will be removed. It also reads
the whole body of a request into memory before the WSGI application sees any of it.

## Use instead
`a2wsgi.WSGIMiddleware`, which takes the same argument.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Finding, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.LOW,
    references=["https://fastapi.tiangolo.com/advanced/wsgi/"],
    examples=[
        Bad(
            """
            from fastapi import FastAPI
            from fastapi.middleware.wsgi import WSGIMiddleware
            from flask import Flask

            legacy = Flask(__name__)
            app = FastAPI()
            app.mount("/legacy", WSGIMiddleware(legacy))  # finding
            """
        ),
        Good(
            """
            from a2wsgi import WSGIMiddleware
            from fastapi import FastAPI
            from flask import Flask

            legacy = Flask(__name__)
            app = FastAPI()
            app.mount("/legacy", WSGIMiddleware(legacy))
            """
        ),
    ],
)


@rule.check(of=["starlette.middleware.wsgi.WSGIMiddleware"])
def bridges(call: Call) -> Iterator[Finding]:
    yield call.finding(
        "This bridge to WSGI is deprecated and will be removed; `a2wsgi.WSGIMiddleware` takes the same argument."
    )


@rule.proof(needs=("flask",))
def it_says_so(bad: Served) -> None:
    """The class warns when it is made."""
    assert "starlette.middleware.wsgi is deprecated" in bad.run(
        "import warnings; warnings.simplefilter('always'); import main"
    )
