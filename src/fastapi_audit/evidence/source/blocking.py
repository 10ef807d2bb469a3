"""What blocks the thread that calls it: the calls of known libraries that wait, and what to use in their place."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fastapi_audit.evidence.source.code import Body, Call
from fastapi_audit.evidence.source.once import runs_once


@dataclass(frozen=True, slots=True)
class Wait:
    """What a blocking call waits for."""

    kind: str
    """`sleep`, `network`, `database`, `process`, `queue`, `computation`, `bulk` (a whole data file) or `file`."""
    instead: str
    """What to use on the event loop, as the end of a sentence: `await asyncio.sleep(…)`."""


@dataclass(frozen=True, slots=True)
class Blocking:
    """The calls of one library in one body that block the thread they run in."""

    call: Call
    """The first of them."""
    name: str
    """The dotted name of what it calls."""
    wait: Wait
    further: tuple[Call, ...] = ()
    """The later ones."""

    @property
    def library(self) -> str:
        """The distribution's top module, such as `requests`."""
        return self.name.partition(".")[0]


_IN_THREAD = "hand it to `run_in_threadpool`"
_SLOW_HASH = _IN_THREAD + "; a password hash is made to be slow"


def _all(names: str, kind: str, instead: str) -> dict[str, Wait]:
    return dict.fromkeys(names.split(), Wait(kind, instead))


def _methods(types: str, methods: str, kind: str, instead: str) -> dict[str, tuple[frozenset[str], Wait]]:
    return dict.fromkeys(types.split(), (frozenset(methods.split()), Wait(kind, instead)))


_FUNCTIONS: dict[str, Wait] = {
    **_all("time.sleep", "sleep", "use `await asyncio.sleep(…)`"),
    **_all(
        "requests.get requests.post requests.put requests.patch requests.delete requests.head requests.options "
        "requests.request httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head httpx.options "
        "httpx.request httpx.stream urllib.request.urlopen urllib.request.urlretrieve urllib3.request",
        "network", "await a shared `httpx.AsyncClient`",
    ),
    **_all(
        "socket.create_connection socket.gethostbyname socket.gethostbyname_ex socket.gethostbyaddr",
        "network", "use asyncio's streams or `loop.getaddrinfo`",
    ),
    **_all("socket.getaddrinfo", "network", "await `loop.getaddrinfo`"),
    **_all("smtplib.SMTP smtplib.SMTP_SSL", "network", "use `aiosmtplib`, or " + _IN_THREAD),
    **_all(
        "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.getoutput "
        "subprocess.getstatusoutput os.system os.waitpid",
        "process", "await `asyncio.create_subprocess_exec`",
    ),
    **_all("psycopg2.connect psycopg.connect", "database", "await `psycopg.AsyncConnection.connect` or use asyncpg"),
    **_all(
        "pymysql.connect MySQLdb.connect mysql.connector.connect",
        "database", "use an asynchronous driver such as `asyncmy`",
    ),
    **_all("sqlite3.connect", "database", "use `aiosqlite`"),
    **_all("pyodbc.connect", "database", "use `aioodbc`, or " + _IN_THREAD),
    **_all("pandas.read_sql pandas.read_sql_query pandas.read_sql_table", "database", _IN_THREAD),
    **_all("pika.BlockingConnection", "network", "use `aio_pika`"),
    **_all(
        "litellm.completion litellm.embedding litellm.image_generation litellm.transcription litellm.rerank",
        "network", "await the function of the same name with the prefix `a`: `litellm.acompletion`",
    ),
    **_all(
        "openai.ChatCompletion.create openai.Completion.create openai.Embedding.create openai.chat.completions.create "
        "openai.embeddings.create openai.completions.create openai.images.generate openai.responses.create",
        "network", "await `openai.AsyncOpenAI`",
    ),
    **_all("ollama.chat ollama.generate ollama.embed ollama.embeddings", "network", "await `ollama.AsyncClient`"),
    **_all("replicate.run", "network", "await `replicate.async_run`"),
    **_all("huggingface_hub.hf_hub_download huggingface_hub.snapshot_download", "network", _IN_THREAD),
    **_all("elasticsearch.helpers.bulk", "network", "await `elasticsearch.helpers.async_bulk`"),
    **_all("git.Repo.clone_from", "process", _IN_THREAD),
    **_all(
        "bcrypt.hashpw bcrypt.checkpw bcrypt.kdf hashlib.pbkdf2_hmac hashlib.scrypt",
        "computation", _SLOW_HASH,
    ),
    **_all(
        "open",
        "file", "use `anyio.open_file`, or " + _IN_THREAD,
    ),
    **_all(
        "pandas.read_csv pandas.read_excel pandas.read_parquet pandas.read_json pandas.read_feather "
        "shutil.copytree shutil.rmtree shutil.copyfileobj shutil.make_archive shutil.unpack_archive shutil.copyfile "
        "shutil.move shutil.copy shutil.copy2 pyarrow.parquet.read_table pytesseract.image_to_string "
        "pdf2image.convert_from_path pdf2image.convert_from_bytes",
        "bulk", _IN_THREAD,
    ),
    **_all("input", "queue", "read from a WebSocket or request"),
}  # fmt: skip
"""Functions and classes that block when they are called."""

_SQL = "use `AsyncSession` and await it, or declare the handler with plain `def`"

_METHODS: dict[str, tuple[frozenset[str], Wait]] = {
    **_methods(
        "requests.Session",
        "get post put patch delete head options request send",
        "network", "await a shared `httpx.AsyncClient`",
    ),
    **_methods(
        "httpx.Client",
        "get post put patch delete head options request send stream",
        "network", "await a shared `httpx.AsyncClient`",
    ),
    **_methods(
        "urllib3.PoolManager",
        "request urlopen",
        "network", "await a shared `httpx.AsyncClient`",
    ),
    **_methods(
        "http.client.HTTPConnection http.client.HTTPSConnection",
        "request getresponse connect",
        "network", "await a shared `httpx.AsyncClient`",
    ),
    **_methods(
        "socket.socket",
        "connect recv recvfrom accept sendall",
        "network", "use asyncio's streams",
    ),
    **_methods(
        "smtplib.SMTP",
        "login starttls sendmail send_message connect quit",
        "network", "use `aiosmtplib`, or " + _IN_THREAD,
    ),
    **_methods(
        "smtplib.SMTP_SSL",
        "login sendmail send_message connect quit",
        "network", "use `aiosmtplib`, or " + _IN_THREAD,
    ),
    **_methods(
        "paramiko.SSHClient",
        "connect exec_command",
        "network", "use `asyncssh`, or " + _IN_THREAD,
    ),
    **_methods(
        "subprocess.Popen",
        "wait communicate",
        "process", "await `asyncio.create_subprocess_exec`",
    ),
    **_methods(
        "sqlalchemy.orm.Session",
        "execute scalar scalars commit flush refresh get get_one merge exec bulk_save_objects "
        "bulk_insert_mappings bulk_update_mappings",
        "database", _SQL,
    ),
    **_methods(
        "sqlalchemy.orm.scoped_session",
        "execute scalar scalars commit flush refresh get get_one merge exec",
        "database", _SQL,
    ),
    **_methods(
        "sqlalchemy.orm.Query",
        "all first one one_or_none scalar count get delete update",
        "database", _SQL,
    ),
    **_methods(
        "sqlalchemy.Connection",
        "execute scalar scalars commit exec_driver_sql",
        "database", _SQL,
    ),
    **_methods(
        "sqlalchemy.Engine",
        "connect begin execute",
        "database", "use `create_async_engine` and await it",
    ),
    **_methods(
        "psycopg2.Connection",
        "commit",
        "database", "use asyncpg or `psycopg.AsyncConnection`",
    ),
    **_methods(
        "psycopg2.Cursor",
        "execute executemany fetchall fetchone copy_expert",
        "database", "use asyncpg or `psycopg.AsyncConnection`",
    ),
    **_methods(
        "psycopg.Connection",
        "execute commit",
        "database", "use `psycopg.AsyncConnection`",
    ),
    **_methods(
        "psycopg.Cursor",
        "execute executemany fetchall fetchone",
        "database", "use `psycopg.AsyncConnection`",
    ),
    **_methods(
        "pymysql.Connection",
        "commit",
        "database", "use an asynchronous driver such as `asyncmy`",
    ),
    **_methods(
        "pymysql.Cursor",
        "execute executemany fetchall fetchone",
        "database", "use an asynchronous driver such as `asyncmy`",
    ),
    **_methods(
        "sqlite3.Connection",
        "execute executemany executescript commit",
        "database", "use `aiosqlite`",
    ),
    **_methods(
        "sqlite3.Cursor",
        "execute executemany executescript",
        "database", "use `aiosqlite`",
    ),
    **_methods(
        "pymongo.Collection",
        "find_one insert_one insert_many update_one update_many delete_one delete_many replace_one "
        "count_documents aggregate bulk_write find_one_and_update find_one_and_delete find_one_and_replace "
        "distinct create_index drop",
        "database", "use `pymongo.AsyncMongoClient`",
    ),
    **_methods(
        "redis.Redis",
        "get set setex setnx mget mset delete exists expire ttl incr incrby decr hget hset hgetall hmget hdel "
        "hincrby lpush rpush lpop rpop blpop brpop lrange llen ltrim sadd srem smembers sismember scard zadd "
        "zrem zrange zrevrange zscore zcard zincrby zrangebyscore publish ping keys scan flushdb flushall "
        "xadd xread xreadgroup eval evalsha getset getdel getex append strlen hexists hkeys hvals hlen "
        "execute_command",
        "network", "await `redis.asyncio.Redis`",
    ),
    **_methods(
        "redis.Pipeline",
        "execute",
        "network", "await `redis.asyncio.Redis`",
    ),
    **_methods(
        "redis.PubSub",
        "listen get_message subscribe",
        "network", "await `redis.asyncio.Redis`",
    ),
    **_methods(
        "elasticsearch.Elasticsearch",
        "search index get create update delete bulk count exists msearch scroll mget update_by_query "
        "delete_by_query",
        "network", "await `elasticsearch.AsyncElasticsearch`",
    ),
    **_methods(
        "opensearchpy.OpenSearch",
        "search index get create update delete bulk count exists msearch scroll",
        "network", "await `opensearchpy.AsyncOpenSearch`",
    ),
    **_methods(
        "anthropic.Anthropic",
        "create stream count_tokens parse",
        "network", "await `anthropic.AsyncAnthropic`",
    ),
    **_methods(
        "openai.OpenAI",
        "create generate edit parse retrieve list stream",
        "network", "await `openai.AsyncOpenAI`",
    ),
    **_methods(
        "openai.AzureOpenAI",
        "create generate edit parse retrieve list stream",
        "network", "await `openai.AsyncAzureOpenAI`",
    ),
    **_methods(
        "groq.Groq",
        "create",
        "network", "await `groq.AsyncGroq`",
    ),
    **_methods(
        "google.generativeai.GenerativeModel",
        "generate_content",
        "network", "await `generate_content_async`",
    ),
    **_methods(
        "cohere.Client",
        "chat generate embed rerank",
        "network", "await `cohere.AsyncClient`",
    ),
    **_methods(
        "ollama.Client",
        "chat generate embed embeddings pull list",
        "network", "await `ollama.AsyncClient`",
    ),
    **_methods(
        "twilio.rest.Client",
        "create fetch list",
        "network", _IN_THREAD,
    ),
    **_methods(
        "sendgrid.SendGridAPIClient",
        "send",
        "network", _IN_THREAD,
    ),
    **_methods(
        "minio.Minio",
        "get_object put_object fput_object fget_object list_objects stat_object remove_object make_bucket "
        "bucket_exists list_buckets copy_object",
        "network", _IN_THREAD,
    ),
    **_methods(
        "google.cloud.storage.Client",
        "upload_from_string upload_from_file upload_from_filename download_as_bytes download_as_text "
        "download_as_string download_to_filename exists reload get_bucket get_blob delete",
        "network", _IN_THREAD,
    ),
    **_methods(
        "google.cloud.bigquery.Client",
        "query query_and_wait result get_table insert_rows_json",
        "network", _IN_THREAD,
    ),
    **_methods(
        "azure.storage.blob.BlobServiceClient",
        "upload_blob download_blob delete_blob readall",
        "network", "use `azure.storage.blob.aio`",
    ),
    **_methods(
        "celery.result.AsyncResult",
        "get wait",
        "queue", "poll `ready()` with `await asyncio.sleep(…)` between",
    ),
    **_methods(
        "concurrent.futures.Future",
        "result exception",
        "queue", "await `asyncio.wrap_future(…)`",
    ),
    **_methods(
        "threading.Thread",
        "join",
        "queue", "await `asyncio.to_thread(…)` instead of a thread",
    ),
    **_methods(
        "threading.Event",
        "wait",
        "queue", "use `asyncio.Event`",
    ),
    **_methods(
        "queue.Queue",
        "get join",
        "queue", "use `asyncio.Queue`",
    ),
    **_methods(
        "queue.SimpleQueue",
        "get",
        "queue", "use `asyncio.Queue`",
    ),
    **_methods(
        "passlib.context.CryptContext",
        "hash verify verify_and_update encrypt",
        "computation", _SLOW_HASH,
    ),
    **_methods(
        "argon2.PasswordHasher",
        "hash verify",
        "computation", _SLOW_HASH,
    ),
    **_methods(
        "pwdlib.PasswordHash",
        "hash verify verify_and_update",
        "computation", _SLOW_HASH,
    ),
    **_methods(
        "pathlib.Path",
        "read_text read_bytes write_text write_bytes",
        "file", "use `anyio.Path`, or " + _IN_THREAD,
    ),
    **_methods(
        "io.File",
        "read readlines write writelines",
        "file", "use `anyio.open_file`, or " + _IN_THREAD,
    ),
    **_methods(
        "zipfile.ZipFile tarfile.TarFile",
        "extractall",
        "bulk", _IN_THREAD,
    ),
}  # fmt: skip
"""Type → the methods of its instances, and of what these give in a chain, that block."""

_NEARLY_ALL: dict[str, tuple[frozenset[str], Wait]] = {
    **_methods(
        "boto3.Client",
        "get_paginator get_waiter generate_presigned_url generate_presigned_post can_paginate close",
        "network", "use `aioboto3`, or " + _IN_THREAD,
    ),
}  # fmt: skip
"""Type → the few methods that do not block; every other one does."""


CHEAP_ROUNDS = 5_000
"""Of PBKDF2: a few milliseconds at most; passwords get hundreds of thousands."""


def blocking_calls(body: Body) -> Iterator[Blocking]:
    """What blocks in a body, in source order, one for each library and for files; an awaited call never blocks."""
    by_library: dict[tuple[str, str], list[Blocking]] = {}
    for call in body.calls:
        name = None if call.awaited else call.name
        wait = None if name is None else _wait(name)
        if name is None or wait is None or runs_once(call):
            continue
        if not (_returns_at_once(call, wait) or _is_cheap_hash(call, name) or _is_read_in_threads(call, name)):
            found = Blocking(call, name, wait)
            library = "files" if wait.kind in {"file", "bulk"} else found.library
            by_library.setdefault((library, wait.kind), []).append(found)
    for first, *rest in by_library.values():
        yield replace(first, further=tuple(r.call for r in rest))


def _wait(name: str) -> Wait | None:
    found = _FUNCTIONS.get(name)
    if found is not None:
        return found
    method = name.rpartition(".")[2]
    # `Query.filter().first` and `OpenAI.chat.completions.create`: the type is the longest known beginning.
    owner = name.partition("()")[0] if "()" in name else name.rpartition(".")[0]
    while owner:
        if owner in _METHODS:
            methods, wait = _METHODS[owner]
            return wait if method in methods else None
        if owner in _NEARLY_ALL:
            methods, wait = _NEARLY_ALL[owner]
            return None if method in methods or name != f"{owner}.{method}" else wait
        owner = owner.rpartition(".")[0]
    return None


def _returns_at_once(call: Call, wait: Wait) -> bool:
    """`queue.get(block=False)`, `event.wait(timeout=0)`, `future.result(timeout=0)`: asked not to wait."""
    if wait.kind != "queue":
        return False
    given = [call.argument("block", 0), call.argument("timeout")]
    return any(e is not None and e.constant in (False, 0) for e in given)


THREADS = frozenset(
    {
        "asyncio.to_thread", "starlette.concurrency.run_in_threadpool", "anyio.to_thread.run_sync",
        "asyncio.EventLoop.run_in_executor",
    }
)  # fmt: skip


def _is_read_in_threads(call: Call, name: str) -> bool:
    """`with open(path) as file: await to_thread(file.read)`: opening alone takes microseconds."""
    file = call.assigned_to if name == "open" else None
    if file is None:
        return False
    using = [
        c for c in call.body.calls if any(e.mentions(file) for e in (c.callee, *c.arguments, *c.keywords.values()))
    ]
    return bool(using) and all(c.name in THREADS for c in using if c.node is not call.node)


def _is_cheap_hash(call: Call, name: str) -> bool:
    """A derivation of a key, not of a password: so few rounds hold the loop for milliseconds only."""
    rounds = call.argument("iterations", 3) if name == "hashlib.pbkdf2_hmac" else None
    count = rounds.constant if rounds is not None else None
    return isinstance(count, int) and count <= CHEAP_ROUNDS
