"""`fastapi-audit routes`: the route table and the middleware, outermost first."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from fastapi_audit.audit import read
from fastapi_audit.cli.settings import FOLDER, Target, listed, one_of, settings
from fastapi_audit.cli.streams import look, say, say_document
from fastapi_audit.errors import IncompleteError
from fastapi_audit.evidence import Gathering, Project
from fastapi_audit.evidence.app import DEFAULT_TIMEOUT_SECONDS, Unavailable, agree, inspect
from fastapi_audit.model import EvidenceKind, MiddlewareRow, RouteRow
from fastapi_audit.reports.cells import columns, cut, padded, visible

FORMATS = ("text", "json", "markdown")

HEADER = ("METHOD", "PATH", "RUNS IN", "AUTH", "DEPENDENCIES", "HANDLER", "PLACE")

KNOWN_BY = "KNOWN BY"
"""The column that stands before the others when the application was asked too."""

NAMES = 2
"""Dependencies that are named in a cell."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is printed."""

    rows: Sequence[RouteRow]
    project: Project
    asked: bool
    """Whether the application itself was asked."""

    def header(self) -> tuple[str, ...]:
        return (KNOWN_BY, *HEADER) if self.asked else HEADER

    def cells(self) -> Iterator[tuple[str, ...]]:
        for route in self.rows:
            yield (_known_by(route), *_row(route)) if self.asked else _row(route)


def routes(
    path: Annotated[Path, typer.Argument(readable=False, help=FOLDER)] = Path(),
    *,
    output_format: Annotated[str, typer.Option(help="text, json or markdown.")] = "text",
    exclude: Annotated[list[str] | None, typer.Option(help="Leave out files, as in .gitignore; repeatable.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Read every file anew.")] = False,
    config: Annotated[Path | None, typer.Option(help="This config file, no other.")] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="No config file.")] = False,
    app: Annotated[str | None, typer.Option(metavar="MODULE:ATTR", help="Import this application and compare.")] = None,
    python: Annotated[Path | None, typer.Option(help="With --app: its interpreter [the project's .venv].")] = None,
    env_file: Annotated[Path | None, typer.Option(help="With --app: its environment variables.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="With --app: seconds.")] = DEFAULT_TIMEOUT_SECONDS,
) -> None:
    """Print the routes as they are served, with what guards them, and the middleware."""
    one_of("output format", output_format, FORMATS)
    target = Target.of(path)
    chosen = settings(target, config, {"exclude": listed(exclude)}, isolated=isolated)
    gathering = Gathering(target.root, chosen.exclude, not no_cache, auth_names=chosen.auth_dependencies)
    project = read(gathering, target.shown)
    if app:
        answer = inspect(app, target.root, python, env_file, timeout)
        if isinstance(answer, Unavailable):
            raise IncompleteError(answer.reason, answer.last_lines)
        project.running = answer
    known = agree(project.routes, tuple(project.running.every_operation())) if project.running else project.routes
    listing = Listing(known, project, project.running is not None)
    match output_format:
        case "json":
            from fastapi_audit.reports.json import printed, routes_document  # noqa: PLC0415  only this format needs it

            say_document(printed(routes_document(listing.rows, project.middleware, project.unresolved)))
        case "markdown":
            say(_joined(_markdown(listing)))
        case _:
            say(_joined(_table(listing, look(sys.stdout).width if sys.stdout.isatty() else None)))


def _known_by(route: RouteRow) -> str:
    match EvidenceKind.SOURCE in route.known_by, EvidenceKind.APP in route.known_by:
        case True, True:
            return "both"
        case True, False:
            return "source only"
        case _:
            return "app only"


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


def _table(listing: Listing, width: int | None) -> Iterator[str]:
    """As wide as its cells; on a terminal cut at its edge, in a pipe whole."""
    rows = [listing.header(), *listing.cells()]
    widths = [max(columns(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(padded(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip()
        yield cut(line, width) if width else line
    project = listing.project
    for app, layers in _by_app(project.middleware):
        yield ""
        yield f"middleware of {visible(app) or 'the application'}, outermost first:"
        yield from (f"  {_layer(layer)}" for layer in layers)
    if project.unresolved:
        yield ""
        yield f"not resolved: {len(project.unresolved)} (`--output-format json` lists them)"


def _markdown(listing: Listing) -> Iterator[str]:
    yield "| " + " | ".join(listing.header()) + " |"
    yield "|" + " --- |" * len(listing.header())
    for cells in listing.cells():
        yield "| " + " | ".join(_escaped(cell) for cell in cells) + " |"
    for app, layers in _by_app(listing.project.middleware):
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
