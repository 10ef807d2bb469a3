"""Bound context never reaches the structlog output

`bind_contextvars` only stores values. The processor `merge_contextvars` puts them into each event; a
`structlog.configure(processors=[…])` without it drops request ids and user ids from every line, without a word.
structlog's own defaults have it.

## Use instead
`structlog.contextvars.merge_contextvars` as the first of the processors.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Project
from fastapi_audit.rule import Bad, Finding, Fix, Good, Rule, Served, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=["https://www.structlog.org/en/stable/contextvars.html"],
    examples=[
        Bad(
            """
            import structlog
            from fastapi import FastAPI

            structlog.configure(  # finding
                processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
            )
            logger = structlog.get_logger()
            app = FastAPI()

            @app.get("/users/{user_id}")
            def user(user_id: int) -> int:
                structlog.contextvars.bind_contextvars(user_id=user_id)
                logger.info("reading")
                return user_id
            """,
            fixed="""
            import structlog
            from fastapi import FastAPI

            structlog.configure(
                processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
            )
            logger = structlog.get_logger()
            app = FastAPI()

            @app.get("/users/{user_id}")
            def user(user_id: int) -> int:
                structlog.contextvars.bind_contextvars(user_id=user_id)
                logger.info("reading")
                return user_id
            """,
        ),
        Good(
            """
            import structlog
            from fastapi import FastAPI

            shared = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
            structlog.configure(processors=shared + [structlog.processors.JSONRenderer()])
            app = FastAPI()

            @app.get("/")
            def read() -> int:
                structlog.contextvars.bind_contextvars(user_id=1)
                return 1
            """
        ),
        Good(
            """
            import structlog
            from fastapi import FastAPI

            structlog.configure(processors=[structlog.processors.JSONRenderer()])
            logger = structlog.get_logger()
            app = FastAPI()

            @app.get("/")
            def read() -> int:
                logger.bind(user_id=1).info("reading")
                return 1
            """
        ),
        Bad(
            """
            import structlog
            from fastapi import FastAPI

            processors = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
            structlog.configure(processors=processors)  # finding
            app = FastAPI()

            @app.get("/users/{user_id}")
            async def user(user_id: int) -> int:
                structlog.contextvars.bind_contextvars(user_id=user_id)
                structlog.get_logger().info("user read")
                return user_id
            """
        ),
    ],
)

BINDING = (
    "structlog.contextvars.bind_contextvars", "structlog.contextvars.bound_contextvars",
)  # fmt: skip
MERGE = "structlog.contextvars.merge_contextvars"


@rule.check(of=["structlog.configure"])
def configurations(call: Call, project: Project) -> Iterator[Finding]:
    processors = call.argument("processors", 0)
    names = processors.member_names if processors is not None else None
    if processors is None or names is None or None in names or MERGE in names:
        return
    bound = project.source.calls_to(*BINDING)
    if not bound:
        return
    yield call.finding(
        f"`{bound[0].callee.text}` in {bound[0].file.path} has no effect on the log: these processors lack "
        "`structlog.contextvars.merge_contextvars`. Put it first.",
        fix=_fix(call),
    )


def _fix(call: Call) -> Fix | None:
    processors = call.argument("processors", 0)
    if processors is None or not processors.elements:
        return None
    first = processors.elements[0].insert_before(f"{MERGE}, ")
    needed = call.body.source.module_of(call.file).import_edit("import structlog")
    return Fix("Merge the bound values into each event", (first, *([needed] if needed else [])), safe=True)


@rule.proof(needs=("structlog",))
def the_line_lacks_the_user(bad: Served) -> None:
    bad.get("/users/17")
    line = next(line for line in bad.log.splitlines() if '"reading"' in line)

    assert "17" not in line
