"""Real files, damaged the way that hostile and careless people damage them: what the fuzz targets are fed with."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from fastapi_audit.checks import load

SAMPLE_APPS = Path(__file__).parent.parent / "sample_apps"

CASES = int(os.environ.get("FUZZ_CASES", "30"))
"""Of each target; `make fuzz` asks for thousands."""

fuzzed = settings(
    max_examples=CASES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

Files = Mapping[str, bytes]

SERVICE = b"from fastapi import FastAPI\n\napp = FastAPI()\n\n@app.get('/x')\nasync def x(): return 1\n"

LARGEST = 30_000
"""Bytes of a file that is damaged; larger ones only make the cases slower."""


@cache
def projects() -> tuple[Files, ...]:
    """The example projects of every rule, and each folder of the sample apps."""
    examples = (example.files for rule in load() for example in rule.examples)
    made: list[Files] = [{path: text.encode() for path, text in files.items()} for files in examples]
    for app in sorted(SAMPLE_APPS.iterdir()):
        files = sorted(p for p in app.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
        known = {p.relative_to(app).as_posix(): p.read_bytes() for p in files if p.stat().st_size < LARGEST}
        if known:
            made.append(known)
    return tuple(made)


@cache
def deployments() -> tuple[Files, ...]:
    """The projects that have more than Python, without their Python but for one small application."""
    service = {
        "main.py": b"from fastapi import FastAPI\n\napp = FastAPI()\n\n@app.get('/x')\nasync def x(): return 1\n"
    }
    others = ({p: c for p, c in files.items() if not p.endswith((".py", ".md"))} for files in projects())
    return tuple({**service, **files} for files in others if files)


FRAGMENTS: tuple[bytes, ...] = (
    b"", b"\0", b"\r", b"\r\n", b"\x0c", b"\x1b[2J\x1b]0;x\x07", b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\t",
    "\u2028\u202e\u200b\u0085".encode(), "\U0001f9ff\u0301é".encode(), b"# -*- coding: utf-16 -*-\n", b"\\", b"\\\n",
    b"# -*- coding: latin-1 -*-\n", b"# coding: utf-7\n", b'"""', b"'", b"{", b"}", b"(", b")", b"[", b"]", b":",
    b",", b"@", b"*", b"**", b"=", b":=", b"lambda: ", b"await ", b"async ", b"yield ", b"return\n", b"del app\n",
    b"global app\n", b"app = app\n", b"app.include_router(app)\n", b"app.mount('/', app)\n", b"class A(A): pass\n",
    b"from . import *\n", b"from main import *\n", b"import main as main\n", b"def f(): return f()\n",
    b"__import__('a')", b"f'{", b"f'{x!r:>{y}}'", b"\\ud800", b"'\\ud800\\x00\\u202e'", b"'\\N{DIGIT ZERO}'",
    b"9" * 5000, b"1e999", b"-" * 60, b"1j", b"0x" + b"f" * 3000, b"(" * 150, b"[" * 90 + b"]" * 90, b"not " * 80,
    b"x" + b".a" * 200, b"f" + b"()" * 90, b"a if b else " * 60 + b"c", b"'" + b"a" * 20_000 + b"'",
    b"x = " + b"1 + " * 300 + b"1\n", b"match x:\n case [*_]: pass\n", b"try: pass\nexcept* E: pass\n",
    b"type X[T] = int\n", b"def g[T: int = str](x: T): ...\n", b"t'{x}'", b"...", b"if 0:\n",
    b"for app in app: pass\n", b"while True: app = FastAPI()\n", b"with app as app: pass\n", b"[app for app in app]",
    b"    ", b"\n\n\n", b"- ", b"? ", b"&a ", b"*a", b"<<: *a\n", b"!!python/object:os.system ", b"|\n", b">-\n",
    b"---\n", b"%YAML 1.1\n", b"${A", b"${A:-${B:-${C", b"$(", b"`", b"$((1", b"<<EOF\n", b"FROM scratch\n",
    b"FROM --platform=$X a AS a\n", b"ARG X\n", b'CMD ["', b"HEALTHCHECK ", b"ENTRYPOINT exec ",
    b"ONBUILD ONBUILD RUN a\n", b"# syntax=x\n", b"# escape=`\n", b"server {", b"location ~ ^/(a|b)$ {",
    b"upstream u {", b"include *;", b"proxy_pass http://$x;", b"-r requirements.txt\n", b"-c ../../etc/passwd\n",
    b"fastapi==9999999999999999999999.0\n", b"fastapi @ file:///etc/passwd\n", b"a;python_version<'3'\n", b"[[a]]\n",
    b"a.b.c = 1\n", b"a = 1979-05-27T07:32:00Z\n", b"inf", b"nan", b"-1", b"99999999999999999999", b"0.0.0.0:99999",
    b"{{ x }}", b"{% if %}", b"null", b"true", b'"\\u0000"', b'{"a":', b"[]", b"{}",
    b"extends: {file: ../x, service: y}\n", b"# fastapi-audit: ignore[", b"# fastapi-audit: ignore-file\n",
    b"# fastapi-audit: ignore[*] \x1b[31m\n",
)  # fmt: skip
"""What has hurt parsers before, of every language that is read."""

STEPS = ("truncate", "delete", "double", "insert", "replace", "swap", "splice", "flip", "lines", "case", "repeat")

Step = tuple[str, int, int, bytes]

steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from(STEPS),
        st.integers(0, 2**16 - 1),
        st.integers(0, 2**16 - 1),
        st.sampled_from(FRAGMENTS) | st.binary(max_size=20),
    ),
    min_size=1,
    max_size=6,
)


def damaged(content: bytes, damage: list[Step], other: bytes = b"") -> bytes:
    """The content after every step; places are shares of its length, so that steps shrink one by one."""
    for kind, first, second, fragment in damage:
        content = _damaged(content, kind, first, second, fragment, other)
    return content[: 4 * LARGEST]


def _damaged(content: bytes, kind: str, first: int, second: int, fragment: bytes, other: bytes) -> bytes:  # noqa: C901
    start, end = sorted((first * len(content) >> 16, second * len(content) >> 16))
    near = min(end, start + 80)
    match kind:
        case "truncate":
            return content[:start]
        case "delete":
            return content[:start] + content[near:]
        case "double":
            return content[:near] + content[start:]
        case "insert":
            return content[:start] + fragment + content[start:]
        case "replace":
            return content[:start] + fragment + content[near:]
        case "swap":
            middle = (start + end) // 2
            return content[:start] + content[middle:end] + content[start:middle] + content[end:]
        case "splice":
            return content[:start] + other[second * len(other) >> 16 :]
        case "flip":
            return (
                content[:start] + bytes(b ^ (second & 0xFF) for b in content[start : start + 1]) + content[start + 1 :]
            )
        case "case":
            return content[:start] + content[start:near].swapcase() + content[near:]
        case "repeat":
            return content[:start] + content[start : start + 12] * (second % 40) + content[start:]
        case _:
            lines = content.split(b"\n")
            one, two = first * len(lines) >> 16, second * len(lines) >> 16
            lines[one], lines[two] = lines[two], fragment + lines[one]
            return b"\n".join(lines)


@st.composite
def damaged_projects(draw: st.DrawFn, source: Callable[[], tuple[Files, ...]]) -> dict[str, bytes]:
    """A project of which one or two files were damaged, with what another project's file of that kind lends."""
    whole = source()
    # Drawn by number: hypothesis would print, and so carry around, every project of a `sampled_from`.
    some = st.integers(0, len(whole) - 1)
    files = dict(whole[draw(some)])
    paths = sorted(path for path in files if not path.endswith(".md")) or sorted(files)
    for path in draw(st.lists(st.sampled_from(paths), min_size=1, max_size=2, unique=True)):
        lender = whole[draw(some)]
        lent = next((content for name, content in lender.items() if name[-3:] == path[-3:]), b"")
        files[path] = damaged(files[path], draw(steps), lent)
    return files
