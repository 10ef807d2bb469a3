"""One JSON object for each finding, one on each line: for `jq`, logs and agents that read as they go."""

import json

from fastapi_audit.reports import Look, Material
from fastapi_audit.reports.json import finding_document


def render(material: Material, _look: Look) -> str:
    """What counts, by place; each line as an entry of `findings` in the JSON scorecard."""
    return "".join(
        json.dumps(finding_document(finding, material.rules.get(finding.rule)), ensure_ascii=False) + "\n"
        for finding in material.open_findings
    )
