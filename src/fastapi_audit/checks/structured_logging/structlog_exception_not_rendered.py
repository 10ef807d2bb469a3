"""JSON log without the traceback

`logger.exception(…)` only sets `exc_info=True`. Without a processor that renders it, `JSONRenderer` writes
`{"exc_info": true, "event": "boom", "level": "error"}`, and the traceback, which is all that would explain the error,
is lost.

## Use instead
`structlog.processors.dict_tracebacks` (or `format_exc_info`) before `JSONRenderer`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://www.structlog.org/en/stable/exceptions.html"],
    examples=[
        Bad(
            """
            import structlog
            from fastapi import FastAPI

            structlog.configure(
                processors=[
                    structlog.processors.add_log_level,
                    structlog.processors.JSONRenderer(),  # finding
                ]
            )
            logger = structlog.get_logger()
            app = FastAPI()

            @app.get("/")
            def read() -> int:
                try:
                    return 1 // 0
                except ZeroDivisionError:
                    logger.exception("division failed")
                    return 0
            """,
            fixed="""
            import structlog
            from fastapi import FastAPI

            structlog.configure(
                processors=[
                    structlog.processors.add_log_level,
                    structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(),
                ]
            )
            logger = structlog.get_logger()
            app = FastAPI()

            @app.get("/")
            def read() -> int:
                try:
                    return 1 // 0
                except ZeroDivisionError:
                    logger.exception("division failed")
                    return 0
            """,
        ),
        Good(
            """
            import structlog
            from fastapi import FastAPI

            shared = [structlog.processors.add_log_level, structlog.processors.format_exc_info]
            structlog.configure(processors=[*shared, structlog.processors.JSONRenderer()])
            app = FastAPI()
            """
        ),
        Good(
            """
            import structlog
            from fastapi import FastAPI

            structlog.configure(
                processors=[
                    structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer()),
                    structlog.processors.JSONRenderer(),
                ]
            )
            app = FastAPI()
            """
        ),
    ],
)

RENDERER = "structlog.processors.JSONRenderer"
EXCEPTIONS = frozenset(
    {
        "structlog.processors.format_exc_info", "structlog.processors.dict_tracebacks",
        "structlog.processors.ExceptionRenderer", "structlog.processors.ExceptionPrettyPrinter",
        "structlog.stdlib.ProcessorFormatter.wrap_for_formatter", "structlog.dev.set_exc_info",
    }
)  # fmt: skip


@rule.check(of=["structlog.configure"])
def configurations(call: Call) -> Iterator[Finding]:
    processors = call.argument("processors", 0)
    names = processors.member_names if processors is not None else None
    if processors is None or names is None or RENDERER not in names or not _all_known(names):
        return
    renderer = next((e for e in processors.elements if RENDERER in (e.name, e.type_name)), None)
    fix = None
    if renderer is not None:
        before = renderer.insert_before("structlog.processors.dict_tracebacks, ")
        needed = call.body.source.module_of(call.file).import_edit("import structlog")
        fix = Fix("Render exceptions", (before, *([needed] if needed else [])), safe=True)
    yield (renderer or call).finding(
        'These processors log `"exc_info": true` in place of the traceback: put '
        "`structlog.processors.dict_tracebacks` before `JSONRenderer`.",
        fix=fix,
    )


def _all_known(names: list[str | None]) -> bool:
    """Whether every processor is structlog's, so that none of the project's own may render exceptions."""
    return all(n is not None and n.startswith("structlog.") and n not in EXCEPTIONS for n in names)


@rule.proof(needs=("structlog",))
def the_traceback_is_lost(bad: Served) -> None:
    bad.get("/")
    line = next(line for line in bad.log.splitlines() if "division failed" in line)

    assert '"exc_info": true' in line
    assert "ZeroDivisionError" not in bad.log
