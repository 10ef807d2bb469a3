"""Documents that another hand may have written: settings, own rules, baselines and scorecards."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fastapi_audit import baselining, config, own_rules
from fastapi_audit.audit import run, together
from fastapi_audit.config import Settings
from fastapi_audit.errors import AuditError
from fastapi_audit.evidence import Gathering
from fastapi_audit.reports import FORMATS, Look, Material, render
from fastapi_audit.reports.passages import Layout
from fastapi_audit.reports.reading import read_written
from mutations import FRAGMENTS, SAMPLE_APPS, Step, damaged, fuzzed, steps
from scanned import keeps_the_schema, rules

DOCS = Path(__file__).parent.parent.parent / "docs"

CONFIG = b"""\
select = ["blocking-call", 3]
exclude = ["**/gen/*.py", "!a", "[z-a]"]
fail-on = "medium"
fail-under = 70.5
per-file-ignores = {"tests/**" = ["blocking-call"], "\\u0000" = ["*"]}
baseline = "../../x.json"
rules = ["../rules", "/etc"]
[probe]
max-time = 1e3
p95 = "200ms"
[probe.operations."GET /users/{id}"]
p95 = "1 s"
errors = "0.1%"
path = {id = 1}
"""

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("9" * 5000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def refused_or(act: Callable[[Path], object], name: str, content: bytes) -> object | None:
    """What comes of a file, or nothing where it is refused with one clear line."""
    folder = Path(mkdtemp(prefix="fuzz-"))
    try:
        (folder / name).write_bytes(content)
        return act(folder / name)
    except AuditError as error:
        refusal = str(error)
    finally:
        shutil.rmtree(folder)
    assert "\n" not in refusal, refusal
    assert len(refusal) < 5_000
    return None


@fuzzed
@given(damage=steps, name=st.sampled_from(("fastapi-audit.toml", "pyproject.toml")))
def test_settings(damage: list[Step], name: str) -> None:
    table = b"[tool.fastapi-audit]\n" if name == "pyproject.toml" else b""
    refused_or(config.load, name, damaged(table + CONFIG, damage))


@cache
def _own_rules() -> tuple[bytes, ...]:
    """The rules that the page about them shows."""
    blocks = (DOCS / "own-rules.md").read_bytes().split(b"```yaml\n")[1:]
    return tuple(block.partition(b"```")[0] for block in blocks)


@fuzzed
@given(number=st.integers(0, 1000), damage=st.just([]) | steps, lent=st.integers(0, 1000))
def test_own_rules(number: int, damage: list[Step], lent: int) -> None:
    written = _own_rules()
    content = damaged(written[number % len(written)], damage, written[lent % len(written)])
    refused_or(_match, "rule.yml", content)


def _match(file: Path) -> None:
    """Loads the rules of a folder and runs them over a small project beside it."""
    home = file.parent
    (home / "rules").mkdir()
    file.rename(home / "rules/rule.yml")
    shutil.copy(SAMPLE_APPS / "prototype/app/main.py", home / "main.py")
    own = own_rules.load([(home / "rules", "rules")], rules(), home)
    card = run(Gathering(home, use_cache=False), own, Settings()).scorecard
    assert [(r.rule, r.reason) for r in card.results if r.outcome == "error"] == []


@cache
def _scorecard() -> dict[str, Any]:
    gathering = Gathering(SAMPLE_APPS / "prototype", use_cache=False)
    audit = run(gathering, rules(), Settings())
    material = Material(audit.scorecard, {rule.name: rule for rule in rules()}, audit.project.text)
    document: dict[str, Any] = json.loads(render("json", material, Look()))
    for key in ("rules", "findings", "routes", "middleware", "unresolved"):
        document[key] = document[key][:6]
    named = {finding["rule"] for finding in document["findings"]}
    document["rules"] += [{**document["rules"][0], "name": name} for name in named]
    return document


def _rendered(file: Path) -> None:
    written = [read_written(file), read_written(file)]
    card = together([each.card for each in written])
    layout = Layout([each.sources for each in written])
    material = Material(card, {rule.name: rule for rule in rules()}, layout.text, whole=False)
    for name in set(FORMATS) - {"html"} if len(card.findings) % 4 else FORMATS:
        printed = render(name, material, Look(colour=False, unicode=True, width=80))
        if name == "json":
            keeps_the_schema(json.loads(printed))


@fuzzed
@given(damage=steps)
def test_scorecards_with_damaged_bytes(damage: list[Step]) -> None:
    refused_or(_rendered, "scan.json", damaged(json.dumps(_scorecard(), indent=1).encode(), damage))


@fuzzed
@given(places=st.lists(st.integers(0, 2**16), min_size=1, max_size=12), value=values | st.sampled_from(FRAGMENTS))
def test_scorecards_with_other_values(places: list[int], value: Any) -> None:
    document: Any = json.loads(json.dumps(_scorecard()))
    new = value.decode("latin-1") if isinstance(value, bytes) else value
    _put(document, places, new)
    try:
        content = json.dumps(document).encode()
    except ValueError:
        return
    refused_or(_rendered, "scan.json", content)


def _put(document: Any, places: list[int], value: Any) -> None:
    """Walks down by the numbers and replaces what it comes to."""
    for number, place in enumerate(places):
        keys: list[Any] = list(document) if isinstance(document, dict) else list(range(len(document)))
        key = keys[place % len(keys)]
        below = document[key]
        if number == len(places) - 1 or not isinstance(below, dict | list) or not below:
            document[key] = value
            return
        document = below


BASELINE = b"""\
{
  "schema_version": "1",
  "findings": [
    {"rule": "blocking-call", "path": "main.py", "fingerprint": "0123456789abcdef"},
    {"rule": "bare-except", "path": "", "fingerprint": "\\u0000\\ud800"}
  ]
}
"""


@fuzzed
@given(damage=steps)
def test_baselines(damage: list[Step]) -> None:
    read = refused_or(lambda file: baselining.read(file, "baseline.json"), "b.json", damaged(BASELINE, damage))
    if isinstance(read, baselining.Baseline):
        baselining.written(read.entries).encode("utf-8", "surrogatepass")


@fuzzed
@given(value=values)
def test_baselines_of_other_values(value: Any) -> None:
    for document in (value, {"schema_version": "1", "findings": value}, {"schema_version": value, "findings": [value]}):
        refused_or(lambda file: baselining.read(file, "baseline.json"), "b.json", json.dumps(document).encode())
