"""Own rules that cannot be used, and those of a hostile project: one line with file and line, exit code 2."""

import os
import time
from pathlib import Path

import pytest

from command import APPLICATION, Ran, command, written
from fastapi_audit import own_rules
from fastapi_audit.errors import ConfigError
from small_project import rule as rule_of_ours

CONFIG = '[tool.fastapi-audit]\nrules = ["audit-rules"]\n'
HEAD = "name: no-print\nitem: 2\nseverity: low\nmessage: no\n"


def refused(folder: Path, *texts: str | bytes) -> str:
    """What is said, without the path."""
    written(folder, {f"{number}.yml": text for number, text in enumerate(texts)})
    with pytest.raises(ConfigError) as caught:
        own_rules.load([(folder, "audit-rules")], [rule_of_ours()])
    told = str(caught.value)
    assert told.startswith("audit-rules")
    assert "\n" not in told
    return told.removeprefix("audit-rules/")


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("rule: {pattern: 'print($X'}", "0.yml:5: the pattern `print($X` is not Python near `print($X`"),
        ("rule: {kind: ERROR}", "0.yml:5: `kind: ERROR` is code that could not be read, and such files"),
        ("rule: {kind: call, nthChild: [1]}", "0.yml:5: `nthChild` takes a number, a formula or an object"),
        ("rule: {all: {kind: call}}", "0.yml:5: `all` takes a list of rules, each behind a dash"),
        ("rule: {any: []}", "0.yml:5: `any` takes a list of rules, each behind a dash"),
        ("rule: {kind: call, inside: {kind: module, stopBy: far}}", "0.yml:5: `stopBy: far`: write `neighbor`, `end`"),
        ("rule: {pattern: {selector: call}}", "0.yml:5: `pattern` takes code, or an object of `context`, `selector`"),
        ("rule: {pattern: {context: f(), strictness: odd}}", "0.yml:5: `strictness: odd`: write one of"),
        ("rule: {pattern: {context: f(), selector: string}}", "0.yml:5: the pattern `f()` cannot be used: Fails"),
        ("rule: {kind: [call]}", "0.yml:5: `kind` takes text; put it in quotes or behind `|`"),
        (f"rule: {{regex: {'a' * 5000}}}", "0.yml:5: `regex` is longer than"),
        ("rule:\n  pattern: print($x)", "0.yml:6: the pattern `print($x)` is not Python near `$`; a metavariable is"),
        ("rule: {pattern: 'if $X:'}", "0.yml:5: the pattern `if $X:` breaks off, so nothing can match; complete it"),
        ("rule: {pattern: '@app.get($P)'}", "0.yml:5: the pattern `@app.get($P)` is not Python near `@app.get($P)`; "),
        ("rule: {pattern: 'a = 1; b = 2'}", "0.yml:5: the pattern `a = 1; b = 2` cannot be used: Multiple AST nodes"),
        ("rule: {pattern: 'foo_$X()'}", "0.yml:5: `foo_$X` in the pattern is one word, so its metavariable stands for"),
        ("rule: {pattern: $X}", "0.yml:5: `rule` matches every node; add"),
        ("rule: {kind: cal}", "0.yml:5: `cal` is no kind of node in tree-sitter's Python grammar"),
        ("rule:\n  kind: call\n  has:\n    kind: cal", "0.yml:8: `cal` is no kind of node"),
        ("rule: {kind: call, has: {kind: call, field: f}}", "0.yml:5: `f` is no field in tree-sitter's Python grammar"),
        ("rule: {kind: call, pattern: 'x = 1'}", "0.yml:5: no node is both `assignment` and `call`, so nothing can"),
        ("rule: {all: [{kind: call}, {kind: string}]}", "0.yml:5: no node is both `call` and `string`, so nothing can"),
        ("rule: {pattern: {context: x, selector: call}}", "0.yml:5: the pattern `x` cannot be used: "),
        ("rule: {regex: '('}", "0.yml:5: `(` is no regular expression of Rust's `regex`: unclosed group"),
        ("rule: {regex: '(a{1000}){1000}'}", "0.yml:5: `(a{1000}){1000}` is no regular expression of Rust's `regex`"),
        ("rule: {not: {kind: call}}", "0.yml:5: `rule` says only what must not be; add"),
        ("rule: {pattren: x}", "0.yml:5: `pattren` is no key of an ast-grep rule; known: pattern, kind"),
        ("rule: {matches: other}", "0.yml:5: `matches` is not supported here; write the rule in place"),
        ("rule: {kind: call, kind: string}", "0.yml:5: `kind` stands here twice; keep one"),
        ("rule: print($X)", "0.yml:5: `rule` takes an ast-grep rule such as `pattern: print($X)`"),
        ("message: again\nrule: {kind: call}", "0.yml:5: `message` stands here twice; keep one"),
        ("within: route", "0.yml:1: `rule` is missing; say what to look for"),
        ("rule: {kind: call}\nwithin: rout", "0.yml:6: `within: rout` is no context; did you mean `route`?"),
        ("rule: {kind: call}\ninside: route", "0.yml:6: unknown key `inside`; `inside` belongs below `rule`; what"),
        ("rule: {kind: call}\nconfidnce: low", "0.yml:6: unknown key `confidnce`; did you mean `confidence`?"),
        ("rule: {kind: call}\nfix: f($Y)", "0.yml:6: `fix` uses `$Y`, and not every match of `rule` binds it"),
        ("rule: {any: [{pattern: f($X)}, {kind: string}]}\nfix: $X", "0.yml:6: `fix` uses `$X`, and not every match"),
        ("rule: {kind: call, not: {pattern: f($X)}}\nfix: $X", "0.yml:6: `fix` uses `$X`, and not every match"),
        ("rule: {pattern: f($_X)}\nfix: $_X", "0.yml:6: `fix` uses `$_X`, and `_` at its beginning drops it"),
        ("rule: {pattern: f($X)}\nconstraints: {Y: {kind: call}}", "0.yml:6: `constraints` uses `$Y`, and not every"),
        ("rule: {pattern: f($X)}\nconstraints: {X: {kind: cal}}", "0.yml:6: `cal` is no kind of node"),
        ("rule: {kind: call}\nsafe: true", "0.yml:6: `safe` speaks of a `fix`, and there is none"),
        ("rule: {kind: call}\nbad: [{../../x.py: a}]", "0.yml:6: an example's file is a relative path such as"),
        ("rule: {kind: call}\nbad: [{/etc/x.py: a}]", "0.yml:6: an example's file is a relative path such as"),
        ("rule: {kind: call}\nfixed: [a]", "0.yml:6: `fixed` has more entries than `bad`; they go together"),
        ("rule: {kind: call}\nurl: javascript:alert(1)", "0.yml:6: `url: javascript:alert(1)`: write an address that"),
        ("rule: {kind: call}\nurl: []", "0.yml:6: `url` takes 1 to 5 entries"),
        ("rule: {kind: call}\ncwe: CWE-0", "0.yml:6: `cwe: CWE-0`: write it like CWE-209"),
        ("rule: {kind: call}\ntitle: ~", "0.yml:6: `title` takes text; put it in quotes or behind `|`"),
        ("rule: {kind: call}\ntitle: ' '", "0.yml:6: `title` is empty; say it"),
        ("rule: {kind: call}\nconstraints: [X]", "0.yml:6: `constraints` takes a metavariable without `$`, then a"),
        ("rule: {kind: call}\nfix: f()\nsafe: maybe", "0.yml:7: `safe` is true or false"),
        ("rule: {kind: call}\nbad: [a]\nfixed: [b]", "0.yml:7: `fixed` shows what `fix` does, and there is none; add"),
        (f"rule: {{kind: call}}\nbad: [{'a, ' * 21}]", "0.yml:6: `bad` has more than 20 examples; keep the best"),
        ("rule: {kind: call}\nbad: [{}]", "0.yml:6: an example has 1 to 20 files"),
        (f"rule: {{kind: call, nthChild: [{'1, ' * 300}]}}", "0.yml:5: more than 200 values; split the rule"),
        ("rule: {kind: call, nthChild: {position: 1, reverse: 'true'}}", "0.yml:5: `nthChild` takes a number"),
        ("rule: {kind: call\n", "0.yml:"),
    ],
)  # fmt: skip
def test_what_cannot_match_or_is_not_meant_is_refused(tmp_path: Path, rule: str, told: str) -> None:
    assert refused(tmp_path, f"{HEAD}{rule}\n").startswith(told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("no-print", "No_Print"), "0.yml:1: `No_Print` is no name of a rule; write it like `no-print`"),
        (("no-print", "open-socket"), "0.yml:1: `open-socket` is a rule of fastapi-audit already; choose another name"),
        (("no-print", "websockets"), "0.yml:1: `websockets` is the name of an item; choose another name"),
        (("item: 2", "item: 18"), "0.yml:2: no item named `18`; write a number from 1 to 17, or its name"),
        (("item: 2", "item: monitorin"), "0.yml:2: no item named `monitorin`; did you mean `monitoring`?"),
        (("low", "fatal"), "0.yml:3: `severity: fatal`: write one of critical, high, medium, low"),
        (("severity: low\n", ""), "0.yml:1: `severity` is missing; add it"),
        (("message: no\n", ""), "0.yml:1: `message` is missing; add it"),
        (("message: no", "message: about $X"), "0.yml:4: `message` uses `$X`, and not every match"),
        (("message: no", f"message: {'n' * 301}"), "0.yml:4: `message` is longer than 300 characters; shorten it"),
    ],
)
def test_a_head_that_cannot_be_used_is_refused(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    assert refused(tmp_path, f"{HEAD}rule: {{kind: call}}\n".replace(*change)).startswith(told)


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    rule = f"{HEAD}rule: {{kind: call}}\n"

    told = refused(tmp_path, rule, rule)

    assert told == "1.yml:1: `no-print` stands at audit-rules/0.yml:1 already; choose another name"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe", "0.yml:1: not UTF-8; save it as UTF-8"),
        (b"name: a\n\nmessage: \xe9\n", "0.yml:3: not UTF-8; save it as UTF-8"),
        (b"# " + b"x" * 200_000, "0.yml: larger than 200,000 bytes; split it"),
        (b"a: " * 3_000, "0.yml"),
        (b"- " * 3_000 + b"a", "0.yml"),
        (b"just text\n", "0.yml:1: a rule is a mapping that begins with `name:`"),
        (b"", "audit-rules: no rule in its files; write one or drop the folder from `rules`"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_rule_is_refused_at_once(tmp_path: Path, content: bytes, told: str) -> None:
    began = time.monotonic()

    assert refused(tmp_path, content).startswith(told)
    assert time.monotonic() - began < 10


def test_values_that_multiply_are_not_followed(tmp_path: Path) -> None:
    levels = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    bomb = f"{HEAD}rule:\n  kind: call\n  nthChild: *l11\nnote:\n  l0: &l0 [x]\n{levels}"
    before = f"note:\n  l0: &l0 [x]\n{levels}{HEAD}rule:\n  kind: call\n  nthChild: *l11\n"

    assert refused(tmp_path / "late", bomb).startswith("0.yml")
    assert refused(tmp_path / "early", before).startswith("0.yml:")


def test_too_many_files_and_nested_rules_are_refused(tmp_path: Path) -> None:
    deep = "rule: " + "{kind: call, has: " * 20 + "{kind: call}" + "}" * 20
    wide = "rule: {any: [" + ", ".join(["{kind: call}"] * 300) + "]}"

    assert refused(tmp_path / "deep", f"{HEAD}{deep}\n").startswith("0.yml:5: `has` nests more than 12 levels")
    assert refused(tmp_path / "wide", f"{HEAD}{wide}\n").startswith("0.yml:5: `any` nests more than 12 levels or 200")
    assert refused(tmp_path / "many", *[HEAD] * 201).startswith("audit-rules: more than 200 files")


# Through the command


def scanned(project: Path, *flags: str | Path) -> Ran:
    return command("scan", ".", "--no-cache", "--exit-zero", *flags, cwd=project)


def service(folder: Path, rules: str = "audit-rules", **files: str) -> Path:
    given = {"main.py": APPLICATION, "pyproject.toml": CONFIG.replace("audit-rules", rules)}
    return written(folder / "service", given | files)


def test_more_rules_than_anyone_needs_are_refused(tmp_path: Path) -> None:
    rules = "".join(
        f"- {{name: r-{n}, item: 2, severity: low, message: no, rule: {{kind: call}}}}\n" for n in range(300)
    )

    told = refused(tmp_path, rules, rules)

    assert told == "1.yml: more than 500 rules in audit-rules; remove what nobody needs"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux has a file that can be opened and not read")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "0.yml").symlink_to("/proc/self/mem")

    assert refused(tmp_path) == "0.yml: cannot be read: Input/output error"


def test_a_refusal_is_one_line_and_code_2_for_every_command(tmp_path: Path) -> None:
    project = written(service(tmp_path), {"audit-rules/a.yml": HEAD + "rule: {pattern: 'f('}\n"})
    told = "error: audit-rules/a.yml:5: the pattern `f(` is not Python near `f(`; a pattern is a whole expression"

    for arguments in (["scan", "."], ["rules"], ["explain", "blocking-call"], ["rules", "test", "audit-rules"]):
        ran = command(*arguments, cwd=project)
        assert (ran.code, ran.out) == (2, ""), arguments
        assert ran.err.startswith(told), arguments
        assert ran.err.count("\n") == 1, arguments


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("../outside", "error: ../outside: leads out of the project, from where its config takes no rules; move it"),
        ("linked", "error: linked: leads out of the project, from where its config takes no rules; move it inside"),
        ("nowhere", "error: nowhere: cannot be read: No such file or directory; correct `rules` in the config"),
        ("main.py", "error: main.py: is no folder; `rules` takes folders of YAML files"),
        ("empty", "error: empty: no .yml or .yaml file in it; write a rule or drop the folder from `rules`"),
        ("one-linked", "error: one-linked/a.yml: leads out of the project, from where its config takes no rules"),
    ],
)
def test_a_folder_outside_the_project_is_not_read(tmp_path: Path, rules: str, told: str) -> None:
    outside = written(tmp_path / "outside", {"a.yml": HEAD + "rule: {kind: call}\n"})
    project = service(tmp_path, rules)
    (project / "linked").symlink_to(outside)
    (project / "empty").mkdir()
    (project / "one-linked").mkdir()
    (project / "one-linked/a.yml").symlink_to(outside / "a.yml")

    ran = scanned(project)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(told)


def test_an_absolute_folder_is_outside_too(tmp_path: Path) -> None:
    outside = written(tmp_path / "outside", {"a.yml": HEAD + "rule: {kind: call}\n"})

    ran = scanned(service(tmp_path, str(outside)))

    assert ran.code == 2
    assert ran.err.startswith(f"error: {outside}: leads out of the project")


def test_a_config_of_the_users_own_may_name_any_folder(tmp_path: Path) -> None:
    mine = {"rules/a.yml": HEAD + "rule: {pattern: FastAPI()}\n", "audit.toml": 'rules = ["rules"]\n'}
    home = written(tmp_path / "home", mine)
    (home / "linked").symlink_to(home / "rules")

    ran = scanned(service(tmp_path, "nowhere"), "--config", home / "audit.toml", "--output-format", "concise")

    assert ran.code == 0, ran.err
    assert "main.py:3:7" in ran.out
    assert "no-print" in ran.out


def test_a_linked_file_inside_the_project_is_read(tmp_path: Path) -> None:
    project = service(tmp_path, **{"shared/a.yml": HEAD + "rule: {pattern: FastAPI()}\n"})
    (project / "audit-rules").mkdir()
    (project / "audit-rules/a.yml").symlink_to("../shared/a.yml")

    assert "no-print" in scanned(project, "--output-format", "concise").out


def test_a_pipe_is_no_rule(tmp_path: Path) -> None:
    project = service(tmp_path)
    (project / "audit-rules").mkdir()
    os.mkfifo(project / "audit-rules/a.yml")

    assert scanned(project).err.startswith("error: audit-rules: no .yml or .yaml file in it")


def test_a_rule_that_takes_forever_is_given_up(tmp_path: Path) -> None:
    slow = "rule:\n  kind: expression_statement\n  follows: {kind: if_statement, stopBy: end}\n"
    project = service(tmp_path, **{"audit-rules/a.yml": HEAD + slow})
    # Searching all statements before each of many is quadratic, and nothing in ast-grep stops it.
    written(project, {"main.py": APPLICATION + "print(1)\n" * 40_000})
    began = time.monotonic()

    ran = scanned(project, "--select", "no-print")

    assert time.monotonic() - began < 55
    assert ran.code == 3
    assert (
        "error: rule no-print crashed, so nothing is known of it: UnmatchedError: the search for the team's" in ran.err
    )
    assert "took longer than 20 s at main.py: simplify or exclude it" in ran.err


def test_more_matches_than_anyone_reads_are_no_findings(tmp_path: Path) -> None:
    project = service(tmp_path, **{"audit-rules/a.yml": HEAD + "rule: {pattern: f($X)}\n"})
    written(project, {"main.py": APPLICATION + "f(1)\n" * 10_001})

    ran = scanned(project, "--select", "no-print")

    assert ran.code == 3
    assert "more than 10,000 matches: narrow the rule" in ran.err
