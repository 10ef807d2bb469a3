"""Connection opened before gunicorn forks is shared by all workers

With `preload_app` (`--preload`) gunicorn imports the application once and forks the workers from it. What the import
has connected is copied with it: parent and child use one socket and one PostgreSQL backend. Their messages mix, and
one worker reads the answer to the query of another, or `lost synchronization with server`.

## Use instead
Run migrations (`alembic upgrade head`) as a step of their own in place of `create_all` at import; or give the
connections up in the workers: `def post_fork(server, worker): engine.dispose(close=False)` in `gunicorn.conf.py`.
"""

from collections.abc import Iterator

from fastapi_audit.evidence import Call, Module, Project
from fastapi_audit.rule import Bad, Finding, Good, Rule, Severity

rule = Rule(
    __name__,
    __doc__,
    severity=Severity.HIGH,
    references=[
        "https://docs.sqlalchemy.org/en/20/core/pooling.html#using-connection-pools-with-multiprocessing-or-os-fork",
        "https://docs.gunicorn.org/en/stable/settings.html#preload-app",
    ],
    examples=[
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy import create_engine, text
                from sqlalchemy.orm import DeclarativeBase

                class Base(DeclarativeBase): ...

                engine = create_engine("postgresql://db/leads", pool_pre_ping=True)
                Base.metadata.create_all(engine)  # finding

                with engine.connect() as connection:  # finding
                    version = connection.execute(text("select version()")).scalar()

                app = FastAPI()
                """,
                "gunicorn.conf.py": """
                workers = 4
                worker_class = "uvicorn_worker.UvicornWorker"
                preload_app = True
                """,
                "Dockerfile": """
                FROM python:3.12-slim
                COPY . .
                CMD ["gunicorn", "-c", "gunicorn.conf.py", "main:app"]
                """,
            }
        ),
        Bad(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlmodel import SQLModel, create_engine

                engine = create_engine("postgresql://db/leads", pool_pre_ping=True)
                SQLModel.metadata.create_all(bind=engine)  # finding
                app = FastAPI()
                """,
                "Procfile": """
                web: gunicorn --preload -w 4 -k uvicorn_worker.UvicornWorker main:app
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy import create_engine
                from sqlalchemy.orm import DeclarativeBase

                class Base(DeclarativeBase): ...

                engine = create_engine("postgresql://db/leads", pool_pre_ping=True)
                Base.metadata.create_all(engine)
                app = FastAPI()
                """,
                "Procfile": """
                web: gunicorn -w 4 -k uvicorn_worker.UvicornWorker main:app
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from fastapi import FastAPI
                from sqlalchemy import create_engine
                from sqlalchemy.orm import DeclarativeBase

                class Base(DeclarativeBase): ...

                engine = create_engine("postgresql://db/leads", pool_pre_ping=True)
                Base.metadata.create_all(engine)
                app = FastAPI()
                """,
                "gunicorn.conf.py": """
                workers = 4
                worker_class = "uvicorn_worker.UvicornWorker"
                preload_app = True

                def post_fork(server, worker):
                    from main import engine

                    engine.dispose(close=False)
                """,
                "Procfile": """
                web: gunicorn -c gunicorn.conf.py main:app
                """,
            }
        ),
        Good(
            {
                "main.py": """
                from contextlib import asynccontextmanager

                from fastapi import FastAPI
                from sqlalchemy import create_engine
                from sqlalchemy.orm import DeclarativeBase

                class Base(DeclarativeBase): ...

                engine = create_engine("postgresql://db/leads", pool_pre_ping=True)
                first = create_engine("postgresql://db/leads", pool_pre_ping=True)
                Base.metadata.create_all(first)
                first.dispose()

                @asynccontextmanager
                async def lifespan(app: FastAPI):
                    Base.metadata.create_all(engine)
                    yield

                app = FastAPI(lifespan=lifespan)

                if __name__ == "__main__":
                    Base.metadata.create_all(engine)
                """,
                "Procfile": """
                web: gunicorn --preload -w 4 -k uvicorn_worker.UvicornWorker main:app
                """,
            }
        ),
    ],
    unproven="Only gunicorn, which forks, together with a real PostgreSQL shows two workers on one connection.",
)

ENGINE = "sqlalchemy.Engine"
CONNECTING = ("sqlalchemy.Engine.connect", "sqlalchemy.Engine.begin")


@rule.check
def modules(module: Module, project: Project) -> Iterator[Finding]:
    used = [(call, engine) for call in module.calls if (engine := _engine(call)) is not None]
    if not used or not _forks_after_import(project):
        return
    disposed = {c.receiver.written for c in module.calls if c.method == "dispose" and c.receiver is not None}
    for call, engine in used:
        if engine not in disposed and not any("__name__" in c.text for c in call.conditions):
            yield call.finding(
                f"`{call.callee.text}` connects `{engine}` at import, and gunicorn forks the workers after that "
                "(`preload_app`): all of them share one connection. Move it into the lifespan or a migration step, or "
                "call `engine.dispose(close=False)` in `post_fork`."
            )


def _engine(call: Call) -> str | None:
    """The engine, as written, that a call connects."""
    if call.name in CONNECTING:
        return call.receiver.written if call.receiver is not None else None
    given = call.argument("bind", 0) if call.method == "create_all" else None
    return given.written if given is not None and given.is_a(ENGINE) else None


def _forks_after_import(project: Project) -> bool:
    """Whether gunicorn imports the application before it forks, and no hook of its gives connections up."""
    return any(
        c.program.value == "gunicorn"
        and c.setting("preload").is_on
        and not (c.config is not None and "post_fork" in c.config.hooks)
        for c in project.deployment.production_commands
    )
