"""A rule as Markdown: one renderer for `explain`, the pages of checks/, SARIF help and the HTML report."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from fastapi_audit.checklist import BY_PACKAGE, ITEMS, Item
from fastapi_audit.rule import ENTRY, MARK, Rule

LANGUAGES = {
    ".conf": "nginx",
    ".json": "json",
    ".py": "python",
    ".sh": "sh",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
    "Dockerfile": "dockerfile",
}
"""Name or ending of a file → the language of its fence."""

REPORTED = "# ← reported"
REPORTED_BELOW = "# ↓ reported"

HEADING = re.compile(r"^#+ ", re.MULTILINE)
FENCED = re.compile(r"(^(`{3,}|~{3,}).*?^\2[^\n]*$)", re.MULTILINE | re.DOTALL)


def markdown(rule: Rule, level: int = 1) -> str:
    """Everything there is to know about a rule; its name is a heading of this level, its parts are one below."""
    parts = [
        f"# {rule.name}",
        f"**{rule.title}**",
        _facts(rule),
        rule.rationale,
        *_examples(rule),
        *_suppression(rule),
        *_references(rule),
        f"Source: `{_source(rule)}`{_author(rule)}",
    ]
    return _lowered("\n\n".join(part for part in parts if part), level - 1) + "\n"


def page(item: Item, rules: Iterable[Rule]) -> str:
    """One item of the checklist with all of its rules."""
    own = [rule for rule in rules if rule.item == item.number]
    rows = [(f"[{rule.name}](#{rule.name})", rule.title, rule.severity, "yes" if rule.fixable else "") for rule in own]
    parts = [
        f"# {item.number}. {item.title}",
        item.why,
        _table(("rule", "what it finds", "severity", "fix"), rows),
        *(markdown(rule, 2).rstrip() for rule in own),
    ]
    return "\n\n".join(parts) + "\n"


def checklist_table(rules: Sequence[Rule], folder: str = "") -> str:
    """The 17 items, each with a link to its page in the folder."""
    rows = (
        (
            str(item.number),
            f"[{item.title}]({folder}{page_name(item)})",
            item.why,
            f"{item.weight:g}",
            str(sum(rule.item == item.number for rule in rules)),
        )
        for item in ITEMS
    )
    return _table(("", "item", "why", "weight", "rules"), rows)


def page_name(item: Item) -> str:
    """The file of an item's page; its number keeps the pages in the order of the checklist."""
    return f"{item.number:02}-{item.name}.md"


def _facts(rule: Rule) -> str:
    item = BY_PACKAGE[rule.package]
    rows = [
        ("item", f"{item.number}, {item.title}"),
        ("severity", rule.severity),
        ("confidence", rule.confidence),
        ("evidence", ", ".join(rule.evidence)),
        ("fix", "yes" if rule.fixable else "no"),
    ]
    if rule.applies_to:
        rows.append(("applies to", f"`{rule.applies_to}`"))
    if rule.cwe:
        number = rule.cwe.rpartition("-")[2]
        rows.append(("weakness", f"[{rule.cwe}](https://cwe.mitre.org/data/definitions/{number}.html)"))
    return _table(("", ""), rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (header, ["---"] * len(header), *rows)
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _examples(rule: Rule) -> Iterator[str]:
    for bad in rule.bad[:1]:
        yield "## Reported"
        yield _blocks(bad.files)
        if bad.fixed is not None:
            yield "## Repaired"
            yield _blocks(bad.fixed_files)
    for good in rule.good[:1]:
        yield "## Not reported"
        yield _blocks(good.files)
    further = len(rule.examples) - len(rule.bad[:1]) - len(rule.good[:1])
    if further > 0:
        yield f"{further} more example{'s' * (further > 1)} in the source of the rule."


def _blocks(files: Mapping[str, str]) -> str:
    blocks = (("" if set(files) == {ENTRY} else f"`{path}`\n\n") + _fenced(path, text) for path, text in files.items())
    return "\n\n".join(blocks)


def _fenced(path: str, text: str) -> str:
    file = PurePosixPath(path)
    language = LANGUAGES.get(file.name) or LANGUAGES.get(file.suffix, "text")
    marked = "\n".join(_highlighted(line) for line in text.splitlines())
    longest = max((len(run) for run in re.findall(r"`+", marked)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{marked}\n{fence}"


def _highlighted(line: str) -> str:
    return line.replace(MARK, REPORTED_BELOW if line.strip() == MARK else REPORTED)


def _suppression(rule: Rule) -> Iterator[str]:
    yield "## Suppress it"
    yield (
        f"At one place: `# fastapi-audit: ignore[{rule.name}] reason`, at the end of the line or alone above it. "
        f'Everywhere: `ignore = ["{rule.name}"]` under `[tool.fastapi-audit]` in `pyproject.toml`.'
    )


def _references(rule: Rule) -> Iterator[str]:
    if rule.references:
        yield "## References"
        yield "\n".join(f"- <{url}>" for url in rule.references)


def _author(rule: Rule) -> str:
    """Who answers for a rule that is not ours."""
    match rule.origin:
        case "fastapi-audit":
            return ""
        case "project":
            return ", a rule of this project's team"
        case package:
            return f", a rule of the installed package `{package}`"


def _source(rule: Rule) -> str:
    if rule.file:
        return rule.file
    folder = "src/" if rule.module.startswith("fastapi_audit.") else ""
    return folder + rule.module.replace(".", "/") + ".py"


def _lowered(text: str, levels: int) -> str:
    """Every heading this many levels further down; code is left alone, where `#` begins a comment."""
    parts = FENCED.split(text)
    # The pattern has two groups, so each fence comes with its marker: prose, fence, marker, prose …
    prose_and_fences = (part for index, part in enumerate(parts) if index % 3 != 2)  # noqa: PLR2004
    return "".join(
        part if FENCED.match(part) else HEADING.sub(lambda found: "#" * levels + found[0], part)
        for part in prose_and_fences
    )
