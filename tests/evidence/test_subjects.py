"""What rules are handed: each thing is one object, however many checks ask for it, so that none is counted twice."""

import json
from pathlib import Path

import pytest

from command import command
from fastapi_audit.evidence import SUBJECTS, Gathering, Project, gather
from fastapi_audit.model import EvidenceKind

PRODUCTION = Path(__file__).parents[2] / "sample_apps" / "production"
AT_REST = [kind for kind, evidence in SUBJECTS.items() if evidence in (EvidenceKind.SOURCE, EvidenceKind.DEPLOYMENT)]


@pytest.fixture(scope="module")
def production() -> Project:
    return gather(Gathering(PRODUCTION, use_cache=False))


@pytest.mark.parametrize("kind", AT_REST, ids=lambda kind: kind.__name__)
def test_asking_twice_gives_the_same_objects(production: Project, kind: type) -> None:
    first, second = list(production.subjects(kind)), list(production.subjects(kind))

    assert len(first) == len(second)
    assert all(one is other for one, other in zip(first, second, strict=True))


def test_a_rule_of_two_checks_counts_a_revision_once(tmp_path: Path) -> None:
    ran = command("scan", PRODUCTION, "--output-format", "json", "--exit-zero", cwd=tmp_path)
    rules = {rule["name"]: rule for rule in json.loads(ran.out)["rules"]}

    assert rules["migration-breaks-running-release"]["subjects"] == 1
