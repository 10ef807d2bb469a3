"""`fastapi-audit rules`: every rule, by item of the checklist."""

from collections.abc import Iterator
from typing import Annotated

import typer

from fastapi_audit.checklist import ITEMS
from fastapi_audit.checks import load
from fastapi_audit.cli.settings import one_of
from fastapi_audit.cli.streams import say, say_document
from fastapi_audit.rule import Rule


def rules(output_format: Annotated[str, typer.Option(help="text or json.")] = "text") -> None:
    """List the rules by item of the checklist."""
    one_of("output format", output_format, ("text", "json"))
    loaded = load()
    if output_format == "json":
        from fastapi_audit.reports.json import printed, rules_document  # noqa: PLC0415  only this format needs it

        say_document(printed(rules_document(loaded)))
    else:
        say("".join(f"{line}\n" for line in _listed(loaded)))


def _listed(loaded: tuple[Rule, ...]) -> Iterator[str]:
    width = max((len(rule.name) for rule in loaded), default=0)
    for item in ITEMS:
        yield f"{item.number:>2}  {item.title}"
        for rule in loaded:
            if rule.item == item.number:
                mark = "fix" if rule.fixable else "   "
                yield f"    {rule.name:<{width}}  {rule.severity:<8}  {mark}  {rule.title}"
        yield ""
    yield f"{len(loaded)} rules; `fastapi-audit explain RULE` tells more"
