"""`fastapi-audit baseline`: accept the findings of today, so that only new ones count."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fastapi_audit.audit import run
from fastapi_audit.baselining import Accepted, Baseline, read, written
from fastapi_audit.cli.settings import FOLDER, Target, baseline_file, rules_of, settings
from fastapi_audit.cli.streams import save, warn
from fastapi_audit.errors import IncompleteError, UsageError
from fastapi_audit.evidence import Gathering
from fastapi_audit.model import Scorecard
from fastapi_audit.reports import counted

baseline = typer.Typer(
    help="Accept the findings of today, so that only new ones count.", no_args_is_help=True, rich_markup_mode=None
)

Folder = Annotated[Path, typer.Argument(readable=False, help=FOLDER)]
File = Annotated[Path | None, typer.Option("--baseline", metavar="FILE", help="Instead of the project's own.")]
Config = Annotated[Path | None, typer.Option(metavar="FILE", help="This config file, no other.")]
Isolated = Annotated[bool, typer.Option("--isolated", help="No config file.")]


@baseline.command()
def write(path: Folder = Path(), *, file: File = None, config: Config = None, isolated: Isolated = False) -> None:
    """Write every finding that counts now; what was accepted before and is gone is forgotten."""
    place, card = _scanned(path, file, config, isolated=isolated)
    accepted = [Accepted.of(finding) for finding in card.findings if finding.counts]
    save(place, written(accepted), "the baseline")
    warn(f"{counted(len(accepted), 'finding')} accepted in {place}")


@baseline.command()
def prune(path: Folder = Path(), *, file: File = None, config: Config = None, isolated: Isolated = False) -> None:
    """Remove the findings that are gone; nothing is added."""
    place, card = _scanned(path, file, config, isolated=isolated)
    if not place.is_file():
        message = f"{place}: no baseline to prune; `fastapi-audit baseline write` makes one"
        raise UsageError(message)
    before = read(place, str(place))
    stale = before.stale(card.results)
    save(place, written(entry for entry in before.entries if entry not in stale), "the baseline")
    warn(f"{counted(len(stale), 'finding')} removed from {place}, {len(before.entries) - len(stale)} left")


def _scanned(path: Path, file: Path | None, config: Path | None, *, isolated: bool) -> tuple[Path, Scorecard]:
    """Where the baseline is, and the scorecard without it."""
    target = Target.of(path)
    chosen = settings(target, config, {}, isolated=isolated)
    gathering = Gathering(target.root, chosen.exclude, auth_names=chosen.auth_dependencies)
    rules = rules_of(target, config, chosen, isolated=isolated)
    card = run(gathering, rules, replace(chosen, fail_on_new=False), target.shown, Baseline()).scorecard
    if card.incomplete:
        what = card.unread or "a rule crashed"
        message = f"{what}, so the findings are not whole; `fastapi-audit scan` names it"
        raise IncompleteError(message)
    return file or baseline_file(target, chosen), card
