"""`fastapi-audit rules`: every rule, by item of the checklist; `rules test`: a team's own rules on their examples."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastapi_audit.checklist import ITEMS
from fastapi_audit.checks import load
from fastapi_audit.cli import flags
from fastapi_audit.cli.settings import Target, one_of, rules_of, settings
from fastapi_audit.cli.streams import say, say_document
from fastapi_audit.model import ExitCode
from fastapi_audit.rule import Rule

if TYPE_CHECKING:
    from fastapi_audit.examples import Trial

group = typer.Typer(invoke_without_command=True, rich_markup_mode=None)


@group.callback()
def rules(
    context: typer.Context,
    *,
    output_format: Annotated[str, typer.Option(help="text or json.")] = "text",
    config: flags.ConfigFile = None,
    isolated: flags.Isolated = False,
) -> None:
    """List the rules by item of the checklist."""
    if context.invoked_subcommand is not None:
        return
    one_of("output format", output_format, ("text", "json"))
    here = Target.of(Path())
    loaded = rules_of(here, config, settings(here, config, {}, isolated=isolated), isolated=isolated)
    if output_format == "json":
        from fastapi_audit.reports.json import printed, rules_document  # noqa: PLC0415  only this format needs it

        say_document(printed(rules_document(loaded)))
    else:
        say("".join(f"{line}\n" for line in _listed(loaded)))


@group.command()
def test(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of rules in YAML.", readable=False)],
) -> None:
    """Run the bad and good examples of a team's own rules."""
    from fastapi_audit import own_rules  # noqa: PLC0415  only who has rules of their own pays for reading them
    from fastapi_audit.examples import tried  # noqa: PLC0415  the same

    trials: list[Trial] = []
    for rule in own_rules.load([(folder, folder.as_posix())], load()):
        trials.append(tried(rule))
        say("".join(f"{line}\n" for line in _told(trials[-1])))
    failed = sum(bool(trial.failures) for trial in trials)
    bare = [trial.rule.name for trial in trials if not trial.rule.examples]
    aside = f"; without examples: {', '.join(bare)}" if bare else ""
    say(f"{len(trials)} rule{'s' * (len(trials) != 1)}, {failed} failed{aside}\n")
    raise typer.Exit(ExitCode.FINDINGS if failed else ExitCode.CLEAN)


def _told(trial: "Trial") -> Iterator[str]:
    rule = trial.rule
    if not rule.examples:
        yield f"none  {rule.name}  {rule.file}: no examples; add `bad` and `good`"
        return
    fixed = sum(bad.fixed is not None for bad in rule.bad)
    counts = f"{len(rule.bad)} bad, {len(rule.good)} good" + (f", {fixed} fixed" if fixed else "")
    yield f"{'FAIL' if trial.failures else 'ok  '}  {rule.name}  {counts}"
    for failure in trial.failures:
        yield from (f"      {line}" for line in f"{rule.file}: {failure}".split("\n"))


def _listed(loaded: tuple[Rule, ...]) -> Iterator[str]:
    width = max((len(rule.name) for rule in loaded), default=0)
    for item in ITEMS:
        yield f"{item.number:>2}  {item.title}"
        for rule in loaded:
            if rule.item == item.number:
                mark = "fix" if rule.fixable else "   "
                whose = "" if rule.origin == "fastapi-audit" else f"  [{rule.origin}]"
                yield f"    {rule.name:<{width}}  {rule.severity:<8}  {mark}  {rule.title}{whose}"
        yield ""
    yield f"{len(loaded)} rules; `fastapi-audit explain RULE` tells more"
