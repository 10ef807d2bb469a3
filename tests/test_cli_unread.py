"""A file of the application that cannot be read: what may stand in it is not known, and so nothing passes for it."""

import json
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from command import Ran, command, written
from fastapi_audit.checks import load
from fastapi_audit.judging import judge
from fastapi_audit.model import UNREAD, EvidenceKind, Location, Outcome, Unresolved
from fastapi_audit.rule import Rule
from rule_contract import gathered

MAIN = """\
import time

from fastapi import FastAPI

from shop import orders

app = FastAPI()


@app.get("/wait")
async def wait() -> None:
    try:
        time.sleep(1)
    except ValueError:
        raise
"""
ORDERS = "LIMIT = 10\n"
BROKEN = "def broken(:\n"
SOURCE_ONLY = "bare-except"
READ_SOURCE = {rule.name for rule in load() if EvidenceKind.SOURCE in rule.evidence}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return written(
        tmp_path / "project",
        {"shop/__init__.py": "", "shop/main.py": MAIN, "shop/orders.py": ORDERS, "Dockerfile": "FROM python:3.12\n"},
    )


def scan(folder: Path, *flags: str) -> tuple[Ran, dict[str, Any]]:
    ran = command("scan", "--output-format", "json", *flags, cwd=folder)
    told: dict[str, Any] = json.loads(ran.out)
    return ran, told


def outcome(told: dict[str, Any], rule: str) -> str:
    return next(str(each["outcome"]) for each in told["rules"] if each["name"] == rule)


def test_what_found_nothing_is_not_known_and_what_was_found_stays(shop: Path) -> None:
    written(shop, {"shop/orders.py": BROKEN})
    ran, told = scan(shop)

    assert ran.code == 3
    assert outcome(told, "blocking-call") == "fail"
    source = [each for each in told["rules"] if each["name"] == SOURCE_ONLY]
    assert [(each["outcome"], each["reason"]) for each in source] == [("not-run", "shop/orders.py could not be read")]
    assert not {each["name"] for each in told["rules"] if each["outcome"] == "pass"} & READ_SOURCE
    assert [each["kind"] for each in told["unresolved"]] == ["unread"]
    assert "warning: shop/orders.py:1:1: cannot be parsed" in ran.err


def test_rules_of_deployment_files_are_as_they_were(shop: Path) -> None:
    _, before = scan(shop)
    written(shop, {"shop/orders.py": BROKEN})
    _, after = scan(shop)

    rules = ("container-runs-as-root", "image-latest-tag", "eol-python-base-image")
    assert [outcome(after, rule) for rule in rules] == [outcome(before, rule) for rule in rules]
    assert outcome(after, "eol-python-base-image") != "not-run"


ASK_THE_PROGRAM = {
    "depends-on-without-health", "graceful-shutdown-not-bounded", "gunicorn-sync-worker", "healthcheck-broken",
    "multiprocess-directory-missing", "prometheus-multiprocess-missing", "proxy-headers-untrusted",
    "redis-cache-unbounded", "scrape-target-does-not-answer", "series-nobody-exports",
}  # fmt: skip
"""Rules of deployment files whose answer may hang on the program."""


@pytest.mark.parametrize("rule", [each for each in load() if each.name not in READ_SOURCE], ids=attrgetter("name"))
def test_rules_of_deployment_files_that_ask_the_program_do_not_pass_either(rule: Rule) -> None:
    def outcomes(*unresolved: Unresolved) -> list[Outcome]:
        return [judge(rule, replace(gathered(good), unresolved=unresolved)).outcome for good in rule.good]

    before, after = outcomes(), outcomes(Unresolved(UNREAD, "cannot be parsed", Location("shop/orders.py", 1)))

    assert (after != before) == (rule.name in ASK_THE_PROGRAM)
    assert {now for now, then in zip(after, before, strict=True) if now != then} <= {Outcome.NOT_RUN}


@pytest.mark.parametrize(("grace", "then"), [("--timeout-graceful-shutdown 5", "pass"), ("", "not-run")])
def test_only_what_hangs_on_the_program_is_not_known(shop: Path, grace: str, then: str) -> None:
    dockerfile = f"FROM python:3.12\nCMD exec uvicorn shop.main:app --host 0.0.0.0 {grace}\n"
    written(shop, {"Dockerfile": dockerfile})
    _, before = scan(shop)
    written(shop, {"shop/orders.py": BROKEN})
    _, after = scan(shop)

    assert outcome(before, "graceful-shutdown-not-bounded") == "pass"
    assert outcome(after, "graceful-shutdown-not-bounded") == then


@pytest.mark.parametrize("worth", ["nothing", "much"])
def test_the_score_does_not_rise(shop: Path, worth: str) -> None:
    if worth == "much":
        written(shop, {"shop/orders.py": MAIN.replace("app = FastAPI()", "app = FastAPI(debug=True)")})
    _, before = scan(shop)
    written(shop, {"shop/orders.py": BROKEN})
    ran, after = scan(shop, "--exit-zero", "--fail-under", "1")

    assert before["score"] > 0
    assert (after["score"], after["grade"], after["caps"], ran.code) == (None, "n/a", [], 3)
    assert after["coverage"] < before["coverage"]


@pytest.mark.parametrize(
    ("path", "content", "main"),
    [
        ("shop/orders.py", "x = '\xff'".encode("latin-1"), MAIN),
        ("shop/orders.py", b"x = 1\n" * 400_000, MAIN),
        ("shop/late.py", BROKEN.encode(), MAIN.replace("    try", "    import shop.late\n    try")),
        ("shop/plugins/__init__.py", BROKEN.encode(), MAIN.replace("import orders", "import orders, plugins")),
        ("shop/nobody_imports.py", BROKEN.encode(), MAIN),
        ("tests/fakes.py", BROKEN.encode(), MAIN.replace("import time", "import time\nfrom tests.fakes import fake")),
    ],
    ids=["not UTF-8", "too large", "imported late", "package", "in the package", "tests that are imported"],
)
def test_files_of_the_application_count(shop: Path, path: str, content: bytes, main: str) -> None:
    written(shop, {"shop/main.py": main, path: content})
    ran, told = scan(shop)

    assert (ran.code, outcome(told, SOURCE_ONLY), told["score"]) == (3, "not-run", None)
    assert [(each["kind"], each["location"]["path"]) for each in told["unresolved"]] == [("unread", path)]


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_orders.py",
        "shop/tests/test_orders.py",
        "shop/migrations/0001_first.py",
        "shop/templates/module.py",
        "vendor/sample/app.py",
        "shop/data/sample/main.py",
        "legacy.py",
        "other/__init__.py",
    ],
)
def test_what_the_application_does_not_import_does_not_count(shop: Path, path: str) -> None:
    written(shop, {path: "print 'Python 2'\n"})
    ran, told = scan(shop)

    assert (ran.code, outcome(told, SOURCE_ONLY)) == (1, "pass")
    assert told["score"] is not None
    assert [(each["kind"], each["location"]["path"]) for each in told["unresolved"]] == [("file", path)]


def test_a_module_beside_an_application_without_packages_counts_when_it_is_imported(tmp_path: Path) -> None:
    flat = MAIN.replace("from shop import orders", "import orders")
    folder = written(tmp_path / "flat", {"main.py": flat, "orders.py": BROKEN, "old.py": "print 'Python 2'\n"})
    _, told = scan(folder)

    known = {each["location"]["path"]: each["kind"] for each in told["unresolved"]}
    assert known == {"orders.py": "unread", "old.py": "file"}


def test_what_only_type_checkers_import_does_not_count(tmp_path: Path) -> None:
    flat = MAIN.replace("from shop import orders", "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import shapes")
    folder = written(tmp_path / "flat", {"main.py": flat, "shapes.py": BROKEN})
    ran, told = scan(folder)

    assert (ran.code, outcome(told, SOURCE_ONLY)) == (1, "pass")
    assert [(each["kind"], each["location"]["path"]) for each in told["unresolved"]] == [("file", "shapes.py")]


def test_findings_that_are_silenced_leave_no_pass(shop: Path) -> None:
    written(shop, {"shop/orders.py": BROKEN})
    _, told = scan(shop, "--ignore", "blocking-call")

    assert outcome(told, "blocking-call") == "not-run"


def test_every_report_says_so(shop: Path) -> None:
    written(shop, {"shop/orders.py": BROKEN, "shop/stock.py": BROKEN})
    reports = ("sarif", "html", "markdown", "junit", "badge")
    ran = command("scan", *(f"--report={name}={name}.out" for name in reports), cwd=shop)
    said = {name: (shop / f"{name}.out").read_text() for name in reports}
    clause = "shop/orders.py and 1 more file could not be read"

    assert "Production readiness   unknown\n" in ran.out
    assert f"{clause}: no rule that found nothing has passed" in " ".join(ran.out.split())
    run = json.loads(said["sarif"])["runs"][0]["invocations"][0]
    assert (run["executionSuccessful"], run["exitCode"]) == (False, 3)
    assert "shop/stock.py" in json.dumps(run["toolExecutionNotifications"])
    assert f"No score: {clause}." in said["html"]
    assert "could not be read" in said["markdown"]
    assert f'<skipped message="{clause}" />' in said["junit"]
    assert "unknown" in said["badge"]


def test_a_kept_scorecard_that_is_rendered_again_says_the_same(shop: Path) -> None:
    written(shop, {"shop/orders.py": BROKEN})
    command("scan", "--report", "json=card.json", cwd=shop)
    ran = command("report", "card.json", cwd=shop)
    weighed = command("score", "card.json", cwd=shop)

    assert (ran.code, "shop/orders.py could not be read" in ran.out) == (3, True)
    assert weighed.out == "card.json: no score, as shop/orders.py could not be read\n"


def test_a_baseline_is_neither_called_stale_nor_pruned(shop: Path) -> None:
    written(shop, {"shop/orders.py": MAIN.replace("from shop import orders", "")})
    command("baseline", "write", cwd=shop)
    written(shop, {"shop/orders.py": BROKEN})
    ran, told = scan(shop)
    pruned = command("baseline", "prune", cwd=shop)

    assert "baseline" not in {each["kind"] for each in told["unresolved"]}
    assert pruned.code == 3
    assert pruned.err.startswith("error: shop/orders.py could not be read, so the findings are not whole")
    assert ran.code == 3
