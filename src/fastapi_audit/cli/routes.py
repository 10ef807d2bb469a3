"""`fastapi-audit routes`: the route table and the middleware, outermost first."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from fastapi_audit.audit import read
from fastapi_audit.cli.settings import FOLDER, Target, listed, one_of, settings
from fastapi_audit.cli.streams import look, say, say_document
from fastapi_audit.evidence import Gathering, Project
from fastapi_audit.model import MiddlewareRow, RouteRow
from fastapi_audit.reports.cells import columns, cut, padded, visible

FORMATS = ("text", "json", "markdown")

HEADER = ("METHOD", "PATH", "RUNS IN", "AUTH", "DEPENDENCIES", "HANDLER", "PLACE")

NAMES = 2
"""Dependencies that are named in a cell."""


def routes(
    path: Annotated[Path, typer.Argument(readable=False, help=FOLDER)] = Path(),
    *,
    output_format: Annotated[str, typer.Option(help="text, json or markdown.")] = "text",
    exclude: Annotated[list[str] | None, typer.Option(help="Leave out files, as in .gitignore; repeatable.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Read every file anew.")] = False,
    config: Annotated[Path | None, typer.Option(help="This config file, no other.")] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="No config file.")] = False,
) -> None:
    """Print the routes as they are served, with what guards them, and the middleware."""
    one_of("output format", output_format, FORMATS)
    target = Target.of(path)
    chosen = settings(target, config, {"exclude": listed(exclude)}, isolated=isolated)
    gathering = Gathering(target.root, chosen.exclude, not no_cache, auth_names=chosen.auth_dependencies)
    project = read(gathering, target.shown)
    match output_format:
        case "json":
            from fastapi_audit.reports.json import printed, routes_document  # noqa: PLC0415  only this format needs it

            say_document(printed(routes_document(project.routes, project.middleware, project.unresolved)))
        case "markdown":
            say(_joined(_markdown(project)))
        case _:
            say(_joined(_table(project, look(sys.stdout).width if sys.stdout.isatty() else None)))


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _row(route: RouteRow) -> tuple[str, ...]:
    runs_in = "" if route.kind == "mount" else "event loop" if route.is_async else "thread"
    methods = ",".join(route.methods) or route.kind.upper()
    condition = f" (if {route.condition})" if route.condition else ""
    cells = (
        methods,
        route.path + condition,
        runs_in,
        _short(route.auth),
        _short(route.dependencies),
        route.endpoint.rpartition(".")[2],
        str(route.location or ""),
    )
    return tuple(visible(cell) for cell in cells)


def _short(names: Sequence[str]) -> str:
    """The last part of the first names; JSON has them whole."""
    shown = [name.rpartition(".")[2] for name in names[:NAMES]]
    further = [f"+{len(names) - NAMES}"] if len(names) > NAMES else []
    return ", ".join([*shown, *further]) or "-"


def _layer(row: MiddlewareRow) -> str:
    return visible(row.cls + (f" (if {row.condition})" if row.condition else ""))


def _table(project: Project, width: int | None) -> Iterator[str]:
    """As wide as its cells; on a terminal cut at its edge, in a pipe whole."""
    rows = [HEADER, *(_row(route) for route in project.routes)]
    widths = [max(columns(row[column]) for row in rows) for column in range(len(HEADER))]
    for row in rows:
        line = "  ".join(padded(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip()
        yield cut(line, width) if width else line
    for app, layers in _by_app(project.middleware):
        yield ""
        yield f"middleware of {visible(app) or 'the application'}, outermost first:"
        yield from (f"  {_layer(layer)}" for layer in layers)
    if project.unresolved:
        yield ""
        yield f"not resolved: {len(project.unresolved)} (`--output-format json` lists them)"


def _markdown(project: Project) -> Iterator[str]:
    yield "| " + " | ".join(HEADER) + " |"
    yield "|" + " --- |" * len(HEADER)
    for route in project.routes:
        yield "| " + " | ".join(_escaped(cell) for cell in _row(route)) + " |"
    for app, layers in _by_app(project.middleware):
        yield ""
        yield f"Middleware of {_escaped(app) or 'the application'}, outermost first:"
        yield ""
        yield from (f"{number}. {_escaped(_layer(layer))}" for number, layer in enumerate(layers, 1))


def _escaped(text: str) -> str:
    """As code, so that nothing of the project is read as Markdown or HTML."""
    clean = visible(text).replace("|", "\\|").replace("`", "'")
    return f"`{clean}`" if clean not in ("", "-") else clean


def _by_app(middleware: Sequence[MiddlewareRow]) -> Iterator[tuple[str, list[MiddlewareRow]]]:
    for app in dict.fromkeys(row.app for row in middleware):
        yield app, [row for row in middleware if row.app == app]
