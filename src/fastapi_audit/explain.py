"""A rule as Markdown: one renderer for `explain`, the pages of checks/, SARIF help and the HTML report."""

from collections.abc import Mapping

from fastapi_audit.checklist import BY_PACKAGE
from fastapi_audit.rule import ENTRY, MARK, Rule

LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml", ".yaml": "yaml", ".sh": "sh", ".json": "json"}


def markdown(rule: Rule) -> str:
    """Title, claim, examples with the reported lines marked, fix, references."""
    item = BY_PACKAGE[rule.package]
    parts = [
        f"# {rule.name}",
        f"**{rule.title}.** Item {item.number}, {item.title}. Severity {rule.severity}."
        + (f" Applies to `{rule.applies_to}`." if rule.applies_to else "")
        + (f" {rule.cwe}." if rule.cwe else ""),
        rule.rationale,
        *_examples(rule),
        *_references(rule),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _examples(rule: Rule) -> list[str]:
    if not rule.bad or not rule.good:
        return []
    bad, good = rule.bad[0], rule.good[0]
    shown = ["## Reported", _blocks(bad.files)]
    if bad.fixed is not None:
        shown += ["## After `--fix`", _blocks(bad.fixed_files)]
    return [*shown, "## Not reported", _blocks(good.files)]


def _blocks(files: Mapping[str, str]) -> str:
    single = set(files) == {ENTRY}
    blocks = (("" if single else f"`{path}`:\n\n") + _fenced(path, text) for path, text in files.items())
    return "\n\n".join(blocks)


def _fenced(path: str, text: str) -> str:
    language = next((name for suffix, name in LANGUAGES.items() if path.endswith(suffix)), "text")
    marked = text.replace(MARK, "# ← reported").rstrip()
    fence = "````" if "```" in marked else "```"
    return f"{fence}{language}\n{marked}\n{fence}"


def _references(rule: Rule) -> list[str]:
    return ["## References", "\n".join(f"- <{url}>" for url in rule.references)] if rule.references else []
