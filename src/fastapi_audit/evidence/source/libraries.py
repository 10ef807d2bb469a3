"""What is known of other people's packages: canonical names, what their functions return, what they are for."""

_EXACT = {
    "fastapi.applications.FastAPI": "fastapi.FastAPI",
    "fastapi.routing.APIRouter": "fastapi.APIRouter",
    "fastapi.param_functions.Depends": "fastapi.Depends",
    "fastapi.params.Depends": "fastapi.Depends",
    "fastapi.params.Security": "fastapi.Security",
    "fastapi.param_functions.Security": "fastapi.Security",
    "fastapi.exceptions.HTTPException": "fastapi.HTTPException",
    "starlette.requests.Request": "fastapi.Request",
    "fastapi.requests.Request": "fastapi.Request",
    "fastapi.requests.HTTPConnection": "starlette.requests.HTTPConnection",
    "starlette.websockets.WebSocket": "fastapi.WebSocket",
    "fastapi.websockets.WebSocket": "fastapi.WebSocket",
    "starlette.websockets.WebSocketDisconnect": "fastapi.WebSocketDisconnect",
    "fastapi.websockets.WebSocketDisconnect": "fastapi.WebSocketDisconnect",
    "starlette.exceptions.WebSocketException": "fastapi.WebSocketException",
    "fastapi.exceptions.WebSocketException": "fastapi.WebSocketException",
    "starlette.background.BackgroundTasks": "fastapi.BackgroundTasks",
    "fastapi.background.BackgroundTasks": "fastapi.BackgroundTasks",
    "starlette.datastructures.UploadFile": "fastapi.UploadFile",
    "fastapi.datastructures.UploadFile": "fastapi.UploadFile",
    "starlette.responses.Response": "fastapi.Response",
    "fastapi.responses.Response": "fastapi.Response",
    "fastapi.concurrency.run_in_threadpool": "starlette.concurrency.run_in_threadpool",
    "starlette.status": "fastapi.status",
    "asyncio.tasks.create_task": "asyncio.create_task",
    "sqlalchemy.engine.create_engine": "sqlalchemy.create_engine",
    "sqlalchemy.engine.base.Engine": "sqlalchemy.Engine",
    "sqlalchemy.engine.Engine": "sqlalchemy.Engine",
    "sqlalchemy.engine.Connection": "sqlalchemy.Connection",
    "sqlalchemy.engine.base.Connection": "sqlalchemy.Connection",
    "sqlmodel.create_engine": "sqlalchemy.create_engine",
    "sqlmodel.Session": "sqlalchemy.orm.Session",
    "sqlmodel.orm.session.Session": "sqlalchemy.orm.Session",
    "sqlmodel.select": "sqlalchemy.select",
    "sqlmodel.text": "sqlalchemy.text",
    "sqlalchemy.sql.text": "sqlalchemy.text",
    "sqlalchemy.sql.expression.text": "sqlalchemy.text",
    "sqlalchemy.future.select": "sqlalchemy.select",
    "sqlalchemy.sql.select": "sqlalchemy.select",
    "sqlmodel.ext.asyncio.session.AsyncSession": "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.orm.session.Session": "sqlalchemy.orm.Session",
    "sqlalchemy.orm.session.sessionmaker": "sqlalchemy.orm.sessionmaker",
    "sqlalchemy.ext.asyncio.session.AsyncSession": "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.session.async_sessionmaker": "sqlalchemy.ext.asyncio.async_sessionmaker",
    "sqlalchemy.ext.asyncio.engine.create_async_engine": "sqlalchemy.ext.asyncio.create_async_engine",
    "sqlalchemy.ext.asyncio.engine.AsyncEngine": "sqlalchemy.ext.asyncio.AsyncEngine",
    "sqlalchemy.ext.declarative.declarative_base": "sqlalchemy.orm.declarative_base",
    "redis.client.Redis": "redis.Redis",
    "redis.StrictRedis": "redis.Redis",
    "redis.asyncio.StrictRedis": "redis.asyncio.Redis",
    "redis.asyncio.client.Redis": "redis.asyncio.Redis",
    "aioredis.Redis": "redis.asyncio.Redis",
    "aioredis.from_url": "redis.asyncio.from_url",
    "requests.sessions.Session": "requests.Session",
    "requests.session": "requests.Session",
    "requests.api.get": "requests.get",
    "httpx._client.AsyncClient": "httpx.AsyncClient",
    "pydantic.main.BaseModel": "pydantic.BaseModel",
    "pydantic_settings.main.BaseSettings": "pydantic_settings.BaseSettings",
    "slowapi.extension.Limiter": "slowapi.Limiter",
    "fastapi_cache.decorator.cache": "fastapi_cache.cache",
    "structlog.getLogger": "structlog.get_logger",
    "structlog.stdlib.get_logger": "structlog.get_logger",
    "structlog.stdlib.getLogger": "structlog.get_logger",
    "typing_extensions.Annotated": "typing.Annotated",
    "_thread.allocate_lock": "threading.Lock",
}
"""Other spellings of one thing; the canonical one is what rules use."""

_PREFIXES = (
    ("fastapi.middleware.", "starlette.middleware."),
    ("fastapi.responses.", "starlette.responses."),
    ("fastapi.staticfiles.", "starlette.staticfiles."),
    ("fastapi.templating.", "starlette.templating."),
    ("fastapi.testclient.", "starlette.testclient."),
    ("fastapi.security.oauth2.", "fastapi.security."),
    ("fastapi.security.http.", "fastapi.security."),
    ("fastapi.security.api_key.", "fastapi.security."),
    ("fastapi.security.open_id_connect_url.", "fastapi.security."),
    ("starlette.status.", "fastapi.status."),
    ("typing_extensions.", "typing."),
)

_RETURNS = {
    "sqlalchemy.create_engine": "sqlalchemy.Engine",
    "sqlalchemy.ext.asyncio.create_async_engine": "sqlalchemy.ext.asyncio.AsyncEngine",
    "sqlalchemy.Engine.connect": "sqlalchemy.Connection",
    "sqlalchemy.Engine.begin": "sqlalchemy.Connection",
    "sqlalchemy.Engine.raw_connection": "dbapi.Connection",
    "sqlalchemy.ext.asyncio.AsyncEngine.connect": "sqlalchemy.ext.asyncio.AsyncConnection",
    "sqlalchemy.ext.asyncio.AsyncEngine.begin": "sqlalchemy.ext.asyncio.AsyncConnection",
    "sqlalchemy.orm.sessionmaker": "sqlalchemy.orm.sessionmaker",
    "sqlalchemy.orm.scoped_session": "sqlalchemy.orm.scoped_session",
    "sqlalchemy.ext.asyncio.async_sessionmaker": "sqlalchemy.ext.asyncio.async_sessionmaker",
    "sqlalchemy.ext.asyncio.async_scoped_session": "sqlalchemy.ext.asyncio.async_scoped_session",
    "sqlalchemy.ext.asyncio.async_scoped_session.__call__": "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.orm.sessionmaker.__call__": "sqlalchemy.orm.Session",
    "sqlalchemy.orm.sessionmaker.begin": "sqlalchemy.orm.Session",
    "sqlalchemy.orm.scoped_session.__call__": "sqlalchemy.orm.Session",
    "sqlalchemy.ext.asyncio.async_sessionmaker.__call__": "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.async_sessionmaker.begin": "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.orm.Session.query": "sqlalchemy.orm.Query",
    "redis.from_url": "redis.Redis",
    "redis.Redis.from_url": "redis.Redis",
    "redis.asyncio.from_url": "redis.asyncio.Redis",
    "redis.asyncio.Redis.from_url": "redis.asyncio.Redis",
    "redis.Redis.pipeline": "redis.Pipeline",
    "redis.asyncio.Redis.pipeline": "redis.asyncio.Pipeline",
    "redis.Redis.pubsub": "redis.PubSub",
    "redis.asyncio.Redis.pubsub": "redis.asyncio.PubSub",
    "structlog.get_logger": "structlog.BoundLogger",
    "structlog.wrap_logger": "structlog.BoundLogger",
    "structlog.BoundLogger.bind": "structlog.BoundLogger",
    "structlog.BoundLogger.new": "structlog.BoundLogger",
    "structlog.BoundLogger.unbind": "structlog.BoundLogger",
    "structlog.BoundLogger.try_unbind": "structlog.BoundLogger",
    "logging.getLogger": "logging.Logger",
    "logging.Logger.getChild": "logging.Logger",
    "asyncpg.create_pool": "asyncpg.Pool",
    "asyncpg.connect": "asyncpg.Connection",
    "asyncpg.Pool.acquire": "asyncpg.Connection",
    "psycopg.connect": "psycopg.Connection",
    "psycopg.Connection.connect": "psycopg.Connection",
    "psycopg.AsyncConnection.connect": "psycopg.AsyncConnection",
    "psycopg.Connection.cursor": "psycopg.Cursor",
    "psycopg2.connect": "psycopg2.Connection",
    "psycopg2.Connection.cursor": "psycopg2.Cursor",
    "pymysql.connect": "pymysql.Connection",
    "pymysql.Connection.cursor": "pymysql.Cursor",
    "sqlite3.connect": "sqlite3.Connection",
    "sqlite3.Connection.cursor": "sqlite3.Cursor",
    "sqlite3.Connection.execute": "sqlite3.Cursor",
    "aiosqlite.connect": "aiosqlite.Connection",
    "boto3.client": "boto3.Client",
    "boto3.resource": "boto3.Resource",
    "boto3.Session.client": "boto3.Client",
    "boto3.session.Session": "boto3.Session",
    "asyncio.get_event_loop": "asyncio.EventLoop",
    "asyncio.get_running_loop": "asyncio.EventLoop",
    "asyncio.new_event_loop": "asyncio.EventLoop",
    "asyncio.EventLoop.create_task": "asyncio.Task",
    "asyncio.create_task": "asyncio.Task",
    "asyncio.ensure_future": "asyncio.Task",
    "open": "io.File",
    "pathlib.Path.open": "io.File",
    "fastapi_cache.FastAPICache.get_backend": "fastapi_cache.Backend",
    "prometheus_fastapi_instrumentator.Instrumentator.instrument": "prometheus_fastapi_instrumentator.Instrumentator",
    "prometheus_fastapi_instrumentator.Instrumentator.add": "prometheus_fastapi_instrumentator.Instrumentator",
    "prometheus_fastapi_instrumentator.Instrumentator.expose": "prometheus_fastapi_instrumentator.Instrumentator",
    "openai.OpenAI.with_options": "openai.OpenAI",
    "pymongo.MongoClient.__getitem__": "pymongo.Database",
    "pymongo.MongoClient.get_database": "pymongo.Database",
    "pymongo.Database.__getitem__": "pymongo.Collection",
    "motor.motor_asyncio.AsyncIOMotorClient.__getitem__": "motor.motor_asyncio.AsyncIOMotorDatabase",
}
"""Function or method → the type of what it gives (or of what its coroutine or context manager gives)."""

ROUTE_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace"})

CACHES = ("functools.lru_cache", "functools.cache")
"""What answers for a function that is called with the same again."""
APPLICATIONS = ("fastapi.FastAPI", "starlette.applications.Starlette")
ROUTERS = ("fastapi.APIRouter", "starlette.routing.Router", "fastapi_utils.inferring_router.InferringRouter")
DYNAMIC = "?"
"""The method of `getattr(router, name)` when the name is not known."""
SETTINGS = ("pydantic_settings.BaseSettings", "pydantic.BaseSettings", "pydantic.v1.BaseSettings")
MODELS = ("pydantic.BaseModel", "pydantic.RootModel", "sqlmodel.SQLModel", "pydantic.v1.BaseModel")
DEPENDS = ("fastapi.Depends", "fastapi.Security")
SECURITY_PREFIX = "fastapi.security."


def canonical(name: str) -> str:
    """The one spelling of a dotted name of a library."""
    if name in _EXACT:
        return _EXACT[name]
    for prefix, replacement in _PREFIXES:
        if name.startswith(prefix):
            changed = replacement + name[len(prefix) :]
            return _EXACT.get(changed, changed)
    return name


def returned_type(name: str) -> str:
    """The type name of what calling `name` gives: itself for a class, a known one, else `name()`."""
    if name in _RETURNS:
        return _RETURNS[name]
    last = name.rpartition(".")[2]
    if last[:1].isupper() and not last.isupper():
        return name
    return f"{name}()"
