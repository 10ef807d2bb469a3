"""`fastapi-audit explain RULE`: what a rule claims, why, and how to put it right."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fastapi_audit.checks import named
from fastapi_audit.cli import flags
from fastapi_audit.cli.settings import Target, one_of, rules_of, settings
from fastapi_audit.cli.streams import look, say, say_document
from fastapi_audit.explain import markdown


def explain(
    rule: Annotated[str, typer.Argument(help="Name of the rule, as a finding shows it.")],
    *,
    output_format: Annotated[str, typer.Option(help="text, markdown or json.")] = "text",
    config: flags.ConfigFile = None,
    isolated: flags.Isolated = False,
) -> None:
    """Print the documentation of a rule."""
    one_of("output format", output_format, ("text", "markdown", "json"))
    here = Target.of(Path())
    chosen = settings(here, config, {}, isolated=isolated)
    found = named(rules_of(here, config, chosen, isolated=isolated), rule)
    if output_format == "json":
        from fastapi_audit.reports.json import printed, rule_document  # noqa: PLC0415  only this format needs it

        say_document(printed(rule_document(found) | {"markdown": markdown(found)}))
    elif output_format == "text" and sys.stdout.isatty() and look(sys.stdout).colour:
        from rich.console import Console  # noqa: PLC0415  only for a person at a terminal
        from rich.markdown import Markdown  # noqa: PLC0415  the same

        Console(width=look(sys.stdout).width).print(Markdown(markdown(found)))
    else:
        say(markdown(found))
