"""Imports one application and writes what it says of itself as JSON; runs over there, under the target's interpreter.

Standard library and the target's own FastAPI only, in one file, in syntax that Python 3.8 reads: nothing of
fastapi-audit is importable here. Called as `python _app_worker.py TARGET ROOT REPORT SECONDS`; the report goes to a
file, because an application may print, and may close every descriptor it finds.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import os
import signal
import sys
import traceback
import types
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUTES_LIMIT = 20_000
TEXT_LIMIT = 2_000
DEPTH_LIMIT = 10
"""Mounts within mounts, dependencies within dependencies, wrappers around the application."""
TRACEBACK_LINES = 12
NOT_THE_APPLICATION = (__file__, "<frozen importlib", "importlib/__init__.py")
"""Files whose frames say nothing of the application."""
WRAPPED = ("app", "asgi_app", "other_asgi_app", "_app", "application")
"""Where ASGI wrappers keep the application that they wrap."""
DOCUMENTATION = ("openapi_url", "docs_url", "redoc_url")
PLAIN_OPTIONS = (
    "allow_origins",
    "allow_methods",
    "allow_headers",
    "expose_headers",
    "allow_origin_regex",
    "allowed_hosts",
)
"""Options whose text is no secret, unlike a session's key."""
DISTRIBUTIONS = ("fastapi", "starlette", "pydantic", "sqlalchemy", "slowapi")


class RefusalError(Exception):
    """Why there is nothing to tell, in one line."""


class Work:
    """What the worker is doing, for the one who waits for it."""

    doing = "starting"
    failed: BaseException | None = None


def main() -> None:
    target, root, report, seconds = sys.argv[1:5]
    sys.argv = ["fastapi-audit", target]
    # The folder of this file has modules of its own; the project's stand where an ASGI server would look for them.
    sys.path[:1] = [str(each) for each in (Path(root), Path(root, "src")) if each.is_dir()]
    own_process = os.getpid()

    def answer(told: dict[str, Any]) -> None:
        if os.getpid() == own_process:
            Path(report).write_text(json.dumps(told), encoding="ascii")
        # Not sys.exit: threads that the application has started would keep the interpreter alive.
        os._exit(0)

    def late(_number: int, frame: types.FrameType | None) -> None:
        reason = f"it did not finish within {float(seconds):g} s, while {Work.doing}"
        answer({"failed": {"reason": reason, "traceback": _lines(traceback.format_stack(frame))}})

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    try:
        told = {"told": tell(target, Path(root).resolve())}
    except BaseException as error:  # noqa: BLE001  the application may raise anything, SystemExit too
        told = {"failed": {"reason": _reason(error), "traceback": _traceback(error)}}
    signal.setitimer(signal.ITIMER_REAL, 0)
    answer(told)


def tell(target: str, root: Path) -> dict[str, Any]:
    """Everything that the application says of itself."""
    _require_fastapi()
    found = _load(target)
    Work.doing = "reading its routes"
    app, wrappers = _unwrap(found)
    own = Own(root, target.partition(":")[0].partition(".")[0])
    told = Application(app, own, "", ()).told()
    told["middleware"][:0] = [{"name": _class_name(type(each)), "options": []} for each in wrappers]
    told["target"] = target
    told["python"] = ".".join(str(each) for each in sys.version_info[:3])
    told["versions"] = [list(each) for each in _versions()]
    return told


def _require_fastapi() -> None:
    if find_spec("fastapi") is None:
        message = f"there is no FastAPI in the interpreter {sys.executable}"
        raise RefusalError(message)


def _load(target: str) -> Any:
    module_name, _, path = target.partition(":")
    attribute, called, _ = path.partition("(")
    Work.doing = f"importing {module_name}"
    found: Any = import_module(module_name)
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            message = f"module {module_name} has no attribute {attribute}"
            raise RefusalError(message) from None
    if called or (inspect.isroutine(found) and not _is_asgi(found)):
        Work.doing = f"calling {attribute}()"
        found = found()
    return found


def _is_asgi(function: Any) -> bool:
    return len(inspect.signature(function).parameters) == 3  # noqa: PLR2004  scope, receive, send


def _unwrap(found: Any) -> tuple[Any, list[Any]]:
    wrappers: list[Any] = []
    app = found
    while not _is_application(app):
        inner = next((getattr(app, name) for name in WRAPPED if callable(getattr(app, name, None))), None)
        if inner is None or len(wrappers) > DEPTH_LIMIT:
            message = f"it is {_class_name(type(found))} and no FastAPI application"
            raise RefusalError(message)
        wrappers.append(app)
        app = inner
    return app, wrappers


def _is_application(app: Any) -> bool:
    applications = import_module("starlette.applications")
    return isinstance(app, applications.Starlette)


class Own:
    """Tells the project's own code from installed packages."""

    def __init__(self, root: Path, package: str) -> None:
        self.root = root
        self.package = package

    def place(self, function: Any) -> dict[str, Any] | None:
        """File and line of the first decorator, as the compiler noted them."""
        code = getattr(_function(function), "__code__", None)
        if code is None:
            return None
        path, own = self.path(code.co_filename)
        return {"path": path, "line": code.co_firstlineno, "own": own}

    def place_of(self, error: BaseException) -> dict[str, Any] | None:
        """The innermost line of the project that the error came through."""
        places = [(self.path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
        own = [{"path": path, "line": line, "own": True} for (path, mine), line in places if mine]
        return own[-1] if own else None

    def path(self, filename: str) -> tuple[str, bool]:
        """The path as the project writes it, and whether it is the project's; never one of this machine."""
        real = Path(filename).resolve()
        if self.root in real.parents and not {"site-packages", "dist-packages"}.intersection(real.parts):
            return real.relative_to(self.root).as_posix(), True
        parents = [each for each in (Path(entry).resolve() for entry in sys.path) if each in real.parents]
        nearest = max(parents, key=lambda each: len(each.parts), default=real.parent)
        return "site-packages:" + real.relative_to(nearest).as_posix(), False

    def modules(self) -> Iterator[tuple[str, types.ModuleType]]:
        """The imported modules that belong to the project: below its root, or of the target's own package."""
        for name, module in list(sys.modules.items()):
            if not isinstance(module, types.ModuleType) or name == "__main__":
                continue
            file = getattr(module, "__file__", None)
            if name.partition(".")[0] == self.package or (isinstance(file, str) and self.path(file)[1]):
                yield name, module


class Application:
    """One application and what is mounted below it."""

    def __init__(self, app: Any, own: Own, path: str, above: tuple[int, ...]) -> None:
        self.app = app
        self.own = own
        self.path = path
        self.above = (*above, id(app))
        self.operations: list[dict[str, Any]] = []
        self.mounts: list[dict[str, Any]] = []
        self.mounted: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []

    def told(self) -> dict[str, Any]:
        app = self.app
        self._try("routes", lambda: self._walk(app.routes, ""))
        self._try("middleware", app.build_middleware_stack)
        Work.doing = "building the schema"
        if getattr(app, "openapi_url", None):
            self._try("openapi", app.openapi)
        Work.doing = "reading its routes"
        lifespan, dead = _lifespan(app.router)
        values = list(_values(self.own, app))
        return {
            "path": self.path,
            "title": _text(getattr(app, "title", "")),
            "debug": bool(app.debug),
            "root_path": _text(getattr(app, "root_path", "") or ""),
            "documentation": [str(getattr(app, each)) for each in DOCUMENTATION if getattr(app, each, None)],
            "operations": self.operations,
            "middleware": [_middleware(each) for each in app.user_middleware],
            "exception_handlers": [_exception_name(each) for each in app.exception_handlers],
            "lifespan": lifespan,
            "dead_events": [qualified(each) for each in dead],
            "mounts": self.mounts,
            "mounted": self.mounted,
            "pools": [] if self.path else list(_pools(values)),
            "limiters": [] if self.path else list(_limiters(values)),
            "errors": self.errors,
        }

    def _try(self, what: str, action: Callable[[], Any]) -> None:
        """What the application raises here is a fact about it: FastAPI would meet it at the first request."""
        try:
            action()
        except (Exception, SystemExit) as error:  # noqa: BLE001  the application may raise anything
            self.errors.append({"where": what, "message": _one_line(error), "place": self.own.place_of(error)})

    def _walk(self, routes: Any, prefix: str) -> None:
        for route in effective_routes(routes):
            if len(self.operations) >= ROUTES_LIMIT:
                return
            original = getattr(route, "original_route", route)
            path = prefix + (getattr(route, "path", None) or "")
            if getattr(route, "endpoint", None) is not None:
                self._add(route, original, path)
            elif callable(getattr(original, "app", None)):
                self._descend(getattr(route, "app", None) or original.app, path)

    def _add(self, route: Any, original: Any, path: str) -> None:
        websocket = "WebSocket" in type(original).__name__
        methods = ["WEBSOCKET"] if websocket else sorted(getattr(route, "methods", None) or ["GET"])
        endpoint = route.endpoint
        dependant = getattr(route, "dependant", None)
        model = getattr(route, "response_model", None)
        status = getattr(route, "status_code", None)
        for method in methods:
            self.operations.append(
                {
                    "method": method,
                    "path": self.path + path,
                    "endpoint": qualified(endpoint),
                    "place": self.own.place(endpoint),
                    "is_async": _is_async(dependant, endpoint),
                    "kind": type(original).__name__,
                    "dependencies": [qualified(each.call) for each in dependant.dependencies] if dependant else [],
                    "security": sorted(set(_schemes(dependant, 0))) if dependant else [],
                    "response_model": None if model is None else _type_name(model),
                    "status_code": status if isinstance(status, int) else None,
                    "in_schema": bool(getattr(route, "include_in_schema", False)),
                    "app": self.path,
                }
            )

    def _descend(self, app: Any, path: str) -> None:
        inner = app
        for _ in range(DEPTH_LIMIT):
            if _is_application(inner) or isinstance(getattr(inner, "routes", None), list):
                break
            inner = next((getattr(inner, name) for name in WRAPPED if callable(getattr(inner, name, None))), None)
        path = path.rstrip("/")
        if inner is None or id(inner) in self.above or len(self.above) > DEPTH_LIMIT:
            self.mounts.append({"path": self.path + path, "name": _class_name(type(app))})
        elif _is_application(inner):
            self.mounted.append(Application(inner, self.own, self.path + path, self.above).told())
        else:
            self.above = (*self.above, id(inner))
            self._walk(inner.routes, path)


def effective_routes(routes: Any) -> Iterator[Any]:
    """Routes as they are served: FastAPI from 0.137 on keeps an included router as one route, earlier ones copy."""
    routing = import_module("fastapi.routing")
    flattened = getattr(routing, "iter_route_contexts", None)
    if flattened is not None:
        yield from flattened(routes)
        return
    for route in routes:
        included = getattr(route, "effective_route_contexts", None)
        if included is None:
            yield route
            continue
        for context in included():
            yield Effective(context)


class Effective:
    """An included route of FastAPI 0.137, which has no public view of it: Starlette's copy where there is one."""

    def __init__(self, context: Any) -> None:
        self.original_route = context.original_route
        self._served = context if context.starlette_route is None else context.starlette_route

    def __getattr__(self, name: str) -> Any:
        return getattr(self._served, name)


def qualified(call: Any) -> str:
    """The dotted name of a callable; an instance is written as a call of its class."""
    while isinstance(call, functools.partial):
        call = call.func
    if inspect.isroutine(call) or inspect.isclass(call):
        return _text("{}.{}".format(getattr(call, "__module__", None) or "", getattr(call, "__qualname__", "?")))
    return _class_name(type(call)) + "()"


def _function(call: Any) -> Any:
    while isinstance(call, functools.partial):
        call = call.func
    try:
        call = inspect.unwrap(call)
    except ValueError:
        return None
    call = getattr(call, "__func__", call)
    return call if hasattr(call, "__code__") else getattr(type(call), "__call__", None)  # noqa: B004  the function behind the call, not whether there is one


def _is_async(dependant: Any, endpoint: Any) -> bool:
    """As FastAPI itself decides it, which has changed where decorators wrap the handler."""
    models = import_module("fastapi.dependencies.models")
    judge = getattr(models, "_is_coroutine_callable", None)
    if dependant is None:
        return asyncio.iscoroutinefunction(endpoint)
    if judge is not None:
        return bool(judge(dependant.call))
    judged = getattr(dependant, "is_coroutine_callable", None)
    return asyncio.iscoroutinefunction(dependant.call) if judged is None else bool(judged)


def _schemes(dependant: Any, depth: int) -> Iterator[str]:
    if depth > DEPTH_LIMIT:
        return
    base = import_module("fastapi.security.base").SecurityBase
    for each in dependant.dependencies:
        call = each.call.func if isinstance(each.call, functools.partial) else each.call
        if isinstance(call, base):
            yield _text(str(call.scheme_name))
        yield from _schemes(each, depth + 1)


def _middleware(each: Any) -> dict[str, Any]:
    options = getattr(each, "kwargs", None) or getattr(each, "options", None) or {}
    name = _type_name(each.cls)
    dispatch = options.get("dispatch")
    if callable(dispatch):
        name = f"{name}:{qualified(dispatch)}"
    given = [[_text(key), _option(str(key), value)] for key, value in sorted(options.items()) if value is not dispatch]
    return {"name": _text(name), "options": given}


def _option(name: str, value: Any) -> str | None:
    if isinstance(value, (bool, int, float)) or value is None:
        return repr(value)
    if name not in PLAIN_OPTIONS:
        return None
    return _text(repr(sorted(value) if isinstance(value, (set, frozenset)) else value))


def _exception_name(key: Any) -> str:
    return _class_name(key) if inspect.isclass(key) else _text(repr(key))


def _lifespan(router: Any) -> tuple[bool, list[Any]]:
    """Whether there is a lifespan, and the event handlers that therefore never run."""
    contexts = list(_merged(getattr(router, "lifespan_context", None), 0))
    defaults = [each for each in contexts if type(each).__name__ == "_DefaultLifespan"]
    run = [event for each in defaults for event in _events(getattr(each, "_router", None))]
    return len(defaults) < len(contexts), [event for event in _events(router) if event not in run]


def _events(router: Any) -> list[Any]:
    return [*getattr(router, "on_startup", ()), *getattr(router, "on_shutdown", ())]


def _merged(context: Any, depth: int) -> Iterator[Any]:
    """The lifespans of an application and of the routers it includes, which FastAPI nests into one another."""
    if "_merge_lifespan_context" in getattr(context, "__qualname__", "") and depth < sys.getrecursionlimit() // 4:
        for cell in inspect.unwrap(context).__closure__ or ():
            yield from _merged(cell.cell_contents, depth + 1)
    elif context is not None:
        yield context


def _values(own: Own, app: Any) -> Iterator[tuple[str, Any]]:
    """What stands in the project's modules, in the application's state, and one step inside both."""
    state = getattr(getattr(app, "state", None), "_state", {})
    places = [(f"{name}.{key}", value) for name, module in own.modules() for key, value in list(vars(module).items())]
    places += [(f"app.state.{key}", value) for key, value in list(state.items())]
    for name, value in places:
        yield name, value
        for key, part in _parts(value):
            yield f"{name}.{key}", part


def _parts(value: Any) -> list[tuple[str, Any]]:
    """The attributes of an instance, none of a class or of a proxy that refuses."""
    if issubclass(type(value), (type, types.ModuleType, types.FunctionType)):
        return []
    try:
        return list(object.__getattribute__(value, "__dict__").items())
    except AttributeError:
        return []


def _pools(values: list[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    sqlalchemy = sys.modules.get("sqlalchemy.engine")
    asynchronous = sys.modules.get("sqlalchemy.ext.asyncio")
    if sqlalchemy is None:
        return
    seen: set[int] = set()
    for name, value in values:
        wrapped = asynchronous is not None and _is(value, asynchronous.AsyncEngine)
        engine = value.sync_engine if wrapped else value
        if _is(engine, sqlalchemy.Engine) and id(engine) not in seen:
            seen.add(id(engine))
            yield _pool(name, engine)


def _is(value: Any, kind: type) -> bool:
    """Of the very type: a proxy may raise as soon as it is asked for its class."""
    return issubclass(type(value), kind)


def _pool(name: str, engine: Any) -> dict[str, Any]:
    pool = engine.pool
    size = getattr(pool, "size", None)
    return {
        "name": _text(name),
        "kind": type(pool).__name__,
        "dialect": f"{engine.dialect.name}+{engine.dialect.driver}",
        "size": _number(size()) if callable(size) else None,
        "max_overflow": _number(getattr(pool, "_max_overflow", None)),
        "timeout_seconds": _number(getattr(pool, "_timeout", None)),
        "recycle_seconds": _number(getattr(pool, "_recycle", None)),
        "pre_ping": bool(getattr(pool, "_pre_ping", False)),
    }


def _limiters(values: list[tuple[str, Any]]) -> Iterator[dict[str, Any]]:
    slowapi = sys.modules.get("slowapi.extension")
    if slowapi is None:
        return
    seen: set[int] = set()
    for name, value in values:
        if _is(value, slowapi.Limiter) and id(value) not in seen:
            seen.add(id(value))
            yield _limiter(name, vars(value))


def _limiter(name: str, parts: dict[str, Any]) -> dict[str, Any]:
    """Of its private parts: slowapi tells none of this in public."""
    return {
        "name": _text(name),
        "storage": _class_name(type(parts.get("_storage"))),
        "strategy": type(parts.get("_limiter")).__name__,
        "default_limits": [_text(limit.limit) for group in parts.get("_default_limits", ()) for limit in group],
        "headers": bool(parts.get("_headers_enabled")),
        "swallows_errors": bool(parts.get("_swallow_errors")),
    }


def _versions() -> Iterator[tuple[str, str]]:
    for name in DISTRIBUTIONS:
        try:
            yield name, _text(metadata.version(name))
        except metadata.PackageNotFoundError:
            continue


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _type_name(kind: Any) -> str:
    if inspect.isclass(kind) and not getattr(kind, "__origin__", None):
        return _class_name(kind)
    return qualified(kind) if inspect.isroutine(kind) else _text(repr(kind))


def _class_name(kind: Any) -> str:
    return _text("{}.{}".format(getattr(kind, "__module__", ""), getattr(kind, "__qualname__", "?")))


def _text(value: Any) -> str:
    return str(value)[:TEXT_LIMIT]


def _reason(error: BaseException) -> str:
    if isinstance(error, RefusalError):
        return str(error)
    if isinstance(error, SystemExit):
        return "it called sys.exit({}) while {}".format("" if error.code is None else repr(error.code), Work.doing)
    missing = _missing_variables(error)
    if missing:
        return "it needs {} in its environment".format(", ".join(missing))
    return f"{Work.doing} raised {_one_line(error)}"


def _missing_variables(error: BaseException) -> list[str]:
    """The environment variables whose absence the error speaks of: of `os.environ[...]` or of pydantic's settings."""
    innermost = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)][-1:]
    if isinstance(error, KeyError) and innermost == [os.environ.__class__.__getitem__.__code__.co_filename]:
        return [str(error.args[0])]
    errors = getattr(error, "errors", None)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "pydantic_settings" in frame.f_code.co_filename and callable(errors):
            settings = type(frame.f_locals.get("__pydantic_self__"))
            return [_variable(settings, each["loc"]) for each in errors() if each["type"] == "missing"]
    return []


def _variable(settings: Any, place: tuple[Any, ...]) -> str:
    name = ".".join(map(str, place))
    prefix = getattr(settings, "model_config", {}).get("env_prefix", "")
    return (prefix + name if name in getattr(settings, "model_fields", {}) else name).upper()


def _one_line(error: BaseException) -> str:
    message = " ".join(str(error).split())
    return (f"{type(error).__name__}: {message}" if message else type(error).__name__)[:TEXT_LIMIT]


def _traceback(error: BaseException) -> list[str]:
    """The last lines, from the application's own frames on: those of this file and of importlib say nothing."""
    if isinstance(error, RefusalError):
        return []
    return _lines(traceback.format_exception(type(error), error, error.__traceback__))


def _lines(chunks: list[str]) -> list[str]:
    own = [each for each in chunks if not any(other in each for other in NOT_THE_APPLICATION)]
    return [line[:TEXT_LIMIT] for line in "".join(own).splitlines()[-TRACEBACK_LINES:]]


if __name__ == "__main__":
    main()
