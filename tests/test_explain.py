"""A rule's Markdown says everything about it and survives whatever its examples contain."""

from fastapi_audit.checklist import BY_NUMBER
from fastapi_audit.explain import checklist_table, markdown, page, page_name
from fastapi_audit.model import Confidence, Severity
from fastapi_audit.rule import Bad, Good, Rule

BAD = """
    app = FastAPI()  # finding

    # finding
    app.title = "```"
"""


def rule(module: str = "fastapi_audit.checks.websockets.endless_loop", **changes: object) -> Rule:
    arguments: dict[str, object] = {
        "severity": Severity.HIGH,
        "examples": [Bad(BAD, fixed="app = None"), Good({"a/Dockerfile": "FROM x\n# no heading", "b.py": "pass"})],
        "confidence": Confidence.MEDIUM,
        "references": ["https://example.org/loops"],
        "cwe": "CWE-835",
        "applies_to": "fastapi>=0.137",
    }
    doc = "Loop without end\n\nIt never stops | ever.\n\n## Use instead\nA loop that ends.\n\n```sh\n# a comment\n```\n"
    return Rule(module, doc, **(arguments | changes))  # type: ignore[arg-type]  # the table above is right


def test_the_facts_stand_in_one_table() -> None:
    text = markdown(rule())

    assert text.startswith("# endless-loop\n\n**Loop without end**\n\n")
    for row in (
        "| item | 7, WebSockets |",
        "| severity | high |",
        "| confidence | medium |",
        "| fix | yes |",
        "| applies to | `fastapi>=0.137` |",
        "| weakness | [CWE-835](https://cwe.mitre.org/data/definitions/835.html) |",
    ):
        assert row in text
    assert "ignore[endless-loop]" in text
    assert "- <https://example.org/loops>" in text
    assert text.endswith("Source: `src/fastapi_audit/checks/websockets/endless_loop.py`\n")


def test_marked_lines_are_shown_and_the_fence_is_longer_than_any_in_the_example() -> None:
    text = markdown(rule())

    assert '````python\napp = FastAPI()  # ← reported\n\n# ↓ reported\napp.title = "```"\n````' in text
    assert "# finding" not in text


def test_files_of_an_example_are_named_and_have_their_language() -> None:
    text = markdown(rule())

    assert "`a/Dockerfile`\n\n```dockerfile\nFROM x\n# no heading\n```\n\n`b.py`\n\n```python\npass\n```" in text


def test_headings_go_down_and_comments_in_code_stay() -> None:
    text = markdown(rule(), 2)

    assert text.startswith("## endless-loop\n")
    assert "\n### Use instead\n" in text
    assert "\n### Not reported\n" in text
    assert "\n# a comment\n" in text
    assert "\n# ↓ reported\n" in text
    assert "\n# no heading\n" in text


def test_a_rule_without_a_fix_or_references_says_nothing_of_them() -> None:
    plain = rule(examples=[Bad("x"), Good("y"), Good("z")], references=(), cwe=None, applies_to=None)

    text = markdown(plain)

    assert "| fix | no |" in text
    assert "1 more example in the source" in text
    assert not any(word in text for word in ("Repaired", "References", "weakness", "applies to"))


def test_a_page_has_the_rules_of_its_item_and_no_others() -> None:
    other = rule("fastapi_audit.checks.streaming.other")

    text = page(BY_NUMBER[7], [rule(), other])

    assert text.startswith("# 7. WebSockets\n")
    assert "| [endless-loop](#endless-loop) | Loop without end | high | yes |" in text
    assert text.count("\n## ") == 1
    assert "other" not in text


def test_the_checklist_counts_rules_and_links_pages() -> None:
    table = checklist_table([rule()], "checks/")

    assert page_name(BY_NUMBER[7]) == "07-websockets.md"
    assert "| 7 | [WebSockets](checks/07-websockets.md) |" in table
    assert "| 5 | 1 |" in table
    assert len(table.splitlines()) == 2 + 17
