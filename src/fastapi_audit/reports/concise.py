"""One finding on one line, `path:line:col: severity rule: message`, as editors and grep read it."""

from fastapi_audit.reports import Look, Material, severity_of
from fastapi_audit.reports.cells import visible


def render(material: Material, _look: Look) -> str:
    """By place; nothing else is printed."""
    return "".join(
        f"{visible(material.shown(str(f.location)) if f.location else f.operation or material.scorecard.root)}: "
        f"{severity_of(f)} {f.rule}: {visible(' '.join(f.words.split()))}\n"
        for f in material.open_findings
    )
