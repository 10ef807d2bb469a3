"""The classes of sessions and connections to databases, by canonical dotted name."""

ORM_SESSIONS = ("sqlalchemy.orm.Session", "sqlalchemy.ext.asyncio.AsyncSession")
"""SQLAlchemy's units of work."""

SQLALCHEMY_SESSIONS = (*ORM_SESSIONS, "sqlalchemy.Connection", "sqlalchemy.ext.asyncio.AsyncConnection")
"""What SQLAlchemy runs statements on."""

SESSIONS = (*SQLALCHEMY_SESSIONS, "asyncpg.Connection", "psycopg.Connection", "psycopg.AsyncConnection")
"""Whatever holds one connection of a pool while it lives."""

DRIVER_CONNECTS = (
    "asyncpg.connect", "psycopg.connect", "psycopg.Connection.connect", "psycopg.AsyncConnection.connect",
    "psycopg2.connect", "pymysql.connect", "aiomysql.connect", "asyncmy.connect", "MySQLdb.connect",
    "mysql.connector.connect", "pyodbc.connect", "oracledb.connect",
)  # fmt: skip
"""What opens a new connection of a relational database, past any pool."""

CONNECTS = (
    *DRIVER_CONNECTS, "asyncpg.Pool.acquire", "psycopg_pool.ConnectionPool.connection",
    "psycopg_pool.AsyncConnectionPool.connection", "sqlalchemy.Engine.connect", "sqlalchemy.Engine.begin",
    "sqlalchemy.ext.asyncio.AsyncEngine.connect", "sqlalchemy.ext.asyncio.AsyncEngine.begin",
    "sqlalchemy.orm.Session.connection", "sqlalchemy.ext.asyncio.AsyncSession.connection",
)  # fmt: skip
"""What talks to the database at once, so that it fails there while the database is away."""
