"""The command lines of the servers that run ASGI applications: their options, defaults and environment."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from fastapi_audit.evidence.deployment.text import Text


class Program(StrEnum):
    """A server."""

    UVICORN = "uvicorn"
    GUNICORN = "gunicorn"
    FASTAPI_RUN = "fastapi run"
    FASTAPI_DEV = "fastapi dev"
    HYPERCORN = "hypercorn"
    GRANIAN = "granian"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one server is told what to do."""

    options: Mapping[str, str]
    """Option → setting."""
    switches: Mapping[str, tuple[str, str]]
    """Option without value → setting and the value that it stands for; an empty setting is of no interest."""
    defaults: Mapping[str, str]
    """Setting → value when nothing says otherwise; a setting that is not named has none."""
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Setting → environment variables that the server itself obeys, strongest first."""


COMMON = {
    "host": "host",
    "port": "port",
    "workers": "workers",
    "root-path": "root_path",
    "forwarded-allow-ips": "forwarded_allow_ips",
    "uds": "uds",
    "log-level": "log_level",
}
PROXY_SWITCHES = {"--proxy-headers": ("proxy_headers", "true"), "--no-proxy-headers": ("proxy_headers", "false")}
QUIET = ("", "")


def _long(names: Mapping[str, str]) -> dict[str, str]:
    return {f"--{option}": setting for option, setting in names.items()}


def _prefixed(prefix: str, *settings: str) -> dict[str, tuple[str, ...]]:
    return {setting: (f"{prefix}_{setting.upper()}",) for setting in settings}


def _quiet(*names: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(names, QUIET)


UVICORN = Dialect(
    options=_long(
        COMMON
        | {
            "timeout-graceful-shutdown": "graceful_timeout",
            "timeout-keep-alive": "keep_alive",
            "limit-concurrency": "limit_concurrency",
            "limit-max-requests": "max_requests",
            "app-dir": "app_dir",
            "lifespan": "lifespan",
            "loop": "loop",
            "http": "http",
            "ws": "ws",
            "ws-max-size": "ws_max_size",
            "env-file": "env_file",
            "log-config": "log_config",
            "fd": "fd",
            "ssl-certfile": "certfile",
        }
    ),
    switches=PROXY_SWITCHES
    | {
        "--reload": ("reload", "true"),
        "--factory": ("factory", "true"),
        "--access-log": ("access_log", "true"),
        "--no-access-log": ("access_log", "false"),
        "--server-header": ("server_header", "true"),
        "--no-server-header": ("server_header", "false"),
    }
    | _quiet("--use-colors", "--no-use-colors", "--date-header", "--no-date-header", "--version", "--help")
    | _quiet("--http2", "--reset-contextvars"),
    defaults={
        "host": "127.0.0.1",
        "port": "8000",
        "workers": "1",
        "reload": "false",
        "proxy_headers": "true",
        "forwarded_allow_ips": "127.0.0.1,::1",
        "keep_alive": "5",
        "access_log": "true",
        "server_header": "true",
        "factory": "false",
        "lifespan": "auto",
        "root_path": "",
    },
    variables=_prefixed("UVICORN", "host", "port", "reload", "proxy_headers", "root_path", "uds", "factory")
    | {
        "workers": ("UVICORN_WORKERS", "WEB_CONCURRENCY"),
        "forwarded_allow_ips": ("UVICORN_FORWARDED_ALLOW_IPS", "FORWARDED_ALLOW_IPS"),
        "graceful_timeout": ("UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN",),
        "keep_alive": ("UVICORN_TIMEOUT_KEEP_ALIVE",),
        "limit_concurrency": ("UVICORN_LIMIT_CONCURRENCY",),
        "max_requests": ("UVICORN_LIMIT_MAX_REQUESTS",),
    },
)

FASTAPI = Dialect(
    options=_long(COMMON) | {"--app": "app", "--entrypoint": "target", "-e": "target"},
    switches=PROXY_SWITCHES
    | {"--reload": ("reload", "true"), "--no-reload": ("reload", "false"), "--verbose": QUIET, "-v": QUIET},
    defaults={
        "host": "0.0.0.0",  # noqa: S104  a fact about the program, nothing listens here
        "port": "8000",
        "workers": "1",
        "reload": "false",
        "proxy_headers": "true",
        "forwarded_allow_ips": "127.0.0.1,::1",
        "keep_alive": "5",
        "access_log": "true",
        "root_path": "",
    },
    variables={"workers": ("WEB_CONCURRENCY",), "forwarded_allow_ips": ("FORWARDED_ALLOW_IPS",), "port": ("PORT",)},
)

FASTAPI_DEV = Dialect(
    FASTAPI.options, FASTAPI.switches, {**FASTAPI.defaults, "host": "127.0.0.1", "reload": "true"}, FASTAPI.variables
)

GUNICORN_SETTINGS = {
    "workers": "workers",
    "worker_class": "worker_class",
    "bind": "bind",
    "reload": "reload",
    "timeout": "worker_timeout",
    "graceful_timeout": "graceful_timeout",
    "keepalive": "keep_alive",
    "forwarded_allow_ips": "forwarded_allow_ips",
    "preload_app": "preload",
    "max_requests": "max_requests",
    "max_requests_jitter": "max_requests_jitter",
    "threads": "threads",
    "wsgi_app": "target",
    "chdir": "app_dir",
    "root_path": "root_path",
    "loglevel": "log_level",
    "accesslog": "access_log",
    "worker_tmp_dir": "worker_tmp_dir",
    "certfile": "certfile",
}
"""Names in `gunicorn.conf.py` → settings."""

GUNICORN = Dialect(
    options={
        "-c": "config",
        "--config": "config",
        "-b": "bind",
        "--bind": "bind",
        "-w": "workers",
        "--workers": "workers",
        "-k": "worker_class",
        "--worker-class": "worker_class",
        "-t": "worker_timeout",
        "--timeout": "worker_timeout",
        "--graceful-timeout": "graceful_timeout",
        "--keep-alive": "keep_alive",
        "--forwarded-allow-ips": "forwarded_allow_ips",
        "--max-requests": "max_requests",
        "--max-requests-jitter": "max_requests_jitter",
        "--threads": "threads",
        "--chdir": "app_dir",
        "--root-path": "root_path",
        "--log-level": "log_level",
        "--access-logfile": "access_log",
        "--worker-tmp-dir": "worker_tmp_dir",
        "--certfile": "certfile",
    },
    switches={"--reload": ("reload", "true"), "--preload": ("preload", "true"), "--no-control-socket": QUIET}
    | _quiet("--spew", "--check-config", "--print-config", "--no-sendfile", "--reuse-port", "-D", "--daemon")
    | _quiet("--initgroups", "--disable-redirect-access-to-syslog", "--capture-output", "--log-syslog", "-R")
    | _quiet("--enable-stdio-inheritance", "--suppress-ragged-eofs", "--do-handshake-on-connect", "--proxy-protocol")
    | _quiet("--strip-header-spaces", "--casefold-http-method", "--permit-obsolete-folding", "--version", "--help")
    | _quiet("--permit-unconventional-http-method", "--permit-unconventional-http-version", "-v", "-h"),
    defaults={
        "bind": "127.0.0.1:8000",
        "workers": "1",
        "worker_class": "sync",
        "reload": "false",
        "worker_timeout": "30",
        "graceful_timeout": "30",
        "keep_alive": "2",
        "proxy_headers": "true",
        "forwarded_allow_ips": "127.0.0.1,::1",
        "preload": "false",
        "max_requests": "0",
        "threads": "1",
        "root_path": "",
    },
    variables={"workers": ("WEB_CONCURRENCY",), "forwarded_allow_ips": ("FORWARDED_ALLOW_IPS",), "bind": ("PORT",)},
)

HYPERCORN = Dialect(
    options={
        "-c": "config",
        "--config": "config",
        "-b": "bind",
        "--bind": "bind",
        "-w": "workers",
        "--workers": "workers",
        "-k": "worker_class",
        "--worker-class": "worker_class",
        "--graceful-timeout": "graceful_timeout",
        "--keep-alive": "keep_alive",
        "--max-requests": "max_requests",
        "--root-path": "root_path",
        "--log-level": "log_level",
        "--certfile": "certfile",
    },
    switches={"--reload": ("reload", "true")} | _quiet("-D", "--daemon", "--debug", "-h", "--help"),
    defaults={
        "bind": "127.0.0.1:8000",
        "workers": "1",
        "worker_class": "asyncio",
        "reload": "false",
        "graceful_timeout": "3",
        "keep_alive": "5",
        "root_path": "",
    },
)

GRANIAN = Dialect(
    options=_long(
        COMMON
        | {
            "interface": "interface",
            "backlog": "backlog",
            "backpressure": "limit_concurrency",
            "workers-kill-timeout": "graceful_timeout",
            "url-path-prefix": "root_path",
            "ssl-certificate": "certfile",
        }
    ),
    switches={"--reload": ("reload", "true"), "--factory": ("factory", "true"), "--no-reload": ("reload", "false")}
    | {"--access-log": ("access_log", "true"), "--no-access-log": ("access_log", "false")}
    | _quiet("--ws", "--no-ws", "--log", "--no-log", "--metrics", "--no-metrics", "--no-factory", "--version", "--help")
    | _quiet("--http1-keep-alive", "--no-http1-keep-alive", "--respawn-failed-workers", "--no-respawn-failed-workers")
    | _quiet("--http1-pipeline-flush", "--no-http1-pipeline-flush", "--ssl-client-verify", "--no-ssl-client-verify")
    | _quiet("--http2-adaptive-window", "--no-http2-adaptive-window"),
    defaults={
        "host": "127.0.0.1",
        "port": "8000",
        "workers": "1",
        "reload": "false",
        "interface": "rsgi",
        "factory": "false",
        "root_path": "",
    },
    variables=_prefixed("GRANIAN", "host", "port", "workers", "reload", "interface", "uds", "factory"),
)

DIALECTS: Mapping[Program, Dialect] = {
    Program.UVICORN: UVICORN,
    Program.GUNICORN: GUNICORN,
    Program.FASTAPI_RUN: FASTAPI,
    Program.FASTAPI_DEV: FASTAPI_DEV,
    Program.HYPERCORN: HYPERCORN,
    Program.GRANIAN: GRANIAN,
}

OPEN_END = re.compile(r"^\"?\$(?:[@*]|\{?[A-Za-z_]\w*\}?)\"?$")


@dataclass(frozen=True, slots=True)
class Given:
    """One option on a command line."""

    value: str
    """As written; of a switch `true` or `false`."""
    text: Text
    """The value, or the switch."""
    option: Text
    """The option itself; in the form `--option=value` the same word as `text`."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """A command line, sorted."""

    given: Mapping[str, Given]
    """By setting; the last one counts."""
    positional: tuple[Text, ...]
    open_ended: bool
    """Whether a variable or `"$@"` may bring further options that nobody can see here."""


def read_arguments(dialect: Dialect, words: Sequence[Text]) -> Arguments:
    """Sorts the words after the program into settings and positional arguments."""
    given: dict[str, Given] = {}
    positional: list[Text] = []
    open_ended = False
    pending: tuple[str, Text] | None = None
    for word in words:
        if pending:
            given[pending[0]] = Given(word.value, word, pending[1])
            pending = None
        elif not word.value.startswith("-") or word.value == "-":
            open_ended = open_ended or bool(OPEN_END.match(word.value))
            positional.append(word)
        elif word.value in dialect.switches:
            setting, value = dialect.switches[word.value]
            given[setting] = Given(value, word, word)
        else:
            pending = _option(dialect, word, given)
    given.pop("", None)
    return Arguments(given, tuple(positional), open_ended)


def _option(dialect: Dialect, word: Text, given: dict[str, Given]) -> tuple[str, Text] | None:
    """Takes `--name=value` and `-n4`; for `--name value` says which setting the next word belongs to."""
    name, equals, value = word.value.partition("=")
    if name.startswith("--"):
        setting = dialect.options.get(name, "")
        if not equals:
            return setting, word
        given[setting] = Given(value, word.part(len(name) + 1, len(word.value)), word)
        return None
    short, rest = word.value[:2], word.value[2:]
    setting = dialect.options.get(short, "")
    if not rest:
        return setting, word
    start = 3 if rest.startswith("=") else 2
    given[setting] = Given(word.value[start:], word.part(start, len(word.value)), word)
    return None
