"""Python as no person writes it: encodings, depth, size, and programs that wind around themselves."""

from hypothesis import given
from hypothesis import strategies as st

from mutations import FRAGMENTS, Step, damaged, fuzzed, steps
from scanned import scan

APPLICATION = b"from fastapi import FastAPI, Depends\n\napp = FastAPI()\n\n"

names = st.sampled_from(("app", "f", "A", "x", "router", "self", "FastAPI", "Depends", "os", "super", "__all__"))
operands = names | st.sampled_from(
    ("1", "'s'", "None", "[]", "{}", "...", "f'{x}'", "b''", "1e400", "'\\ud800'", "9" * 40)
)

expressions: st.SearchStrategy[str] = st.recursive(
    operands,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("({0[0]} + {0[1]})".format),
        st.tuples(inner, names).map("{0[0]}.{0[1]}".format),
        st.tuples(inner, inner, inner).map("{0[0]}({0[1]}, *{0[2]}, **x)".format),
        st.tuples(inner, inner).map("{0[0]}[{0[1]}]".format),
        st.tuples(names, inner).map("(lambda {0[0]}: {0[1]})".format),
        st.tuples(inner, inner, inner).map("({0[0]} if {0[1]} else {0[2]})".format),
        st.tuples(inner, names, inner).map("[{0[0]} for {0[1]} in {0[2]}]".format),
        st.tuples(names, inner).map("({0[0]} := {0[1]})".format),
        st.tuples(inner, names).map("{0[0]}.include_router({0[1]}, prefix='/a', dependencies=[Depends(f)])".format),
        inner.map("(await {})".format),
        inner.map("os.environ.get({})".format),
    ),
    max_leaves=25,
)


def _block(head: str, body: str) -> str:
    return head + "".join(f"\n    {line}" for line in body.split("\n"))


statements: st.SearchStrategy[str] = st.recursive(
    st.one_of(
        st.tuples(names, expressions).map("{0[0]} = {0[1]}".format),
        expressions,
        names.map("from main import {}".format),
        names.map("global {}".format),
        expressions.map("return {}".format),
        expressions.map("yield {}".format),
        st.just("from . import *"),
        expressions.map("raise {}".format),
    ),
    lambda inner: st.one_of(
        st.tuples(names, names, inner).map(lambda t: _block(f"def {t[0]}({t[1]}=Depends({t[0]})):", t[2])),
        st.tuples(names, expressions, inner).map(lambda t: _block(f"@{t[1]}\nasync def {t[0]}(*a, **k):", t[2])),
        st.tuples(names, names, inner).map(lambda t: _block(f"class {t[0]}({t[1]}):", t[2])),
        st.tuples(expressions, inner).map(lambda t: _block(f"if {t[0]}:", t[1])),
        st.tuples(names, expressions, inner).map(lambda t: _block(f"for {t[0]} in {t[1]}:", t[2])),
        st.tuples(expressions, names, inner).map(lambda t: _block(f"with {t[0]} as {t[1]}:", t[2])),
        st.tuples(inner, inner).map(lambda t: _block("try:", t[0]) + "\n" + _block("except Exception as x:", t[1])),
        st.tuples(names, inner).map(lambda t: _block(f"@app.get('/{{x}}')\nasync def {t[0]}({t[0]}: A = 1):", t[1])),
        st.tuples(inner, inner).map("\n".join),
    ),
    max_leaves=20,
)


@fuzzed
@given(program=statements, other=statements)
def test_programs_that_wind_around_themselves(program: str, other: str) -> None:
    scan({"main.py": APPLICATION + program.encode(), "other.py": b"from main import *\n" + other.encode()})


@fuzzed
@given(
    shape=st.sampled_from(
        (
            b"x = %s1%s\n", b"app.get(%s'/'%s)(f)\n", b"def f(a=%s1%s): pass\n", b"class A(%s1%s): pass\n",
            b"@app.get('/x')\nasync def f(): return %s1%s\n", b"x: %s1%s = 1\n", b"for a in %s1%s: pass\n",
        )
    ),
    pair=st.sampled_from(
        (
            (b"(", b")"), (b"[", b"]"), (b"{1:", b"}"), (b"-", b""), (b"not ", b""), (b"a.", b""), (b"f(", b")"),
            (b"lambda: ", b""), (b"1 if x else ", b""), (b"1 + ", b""), (b"a, ", b""), (b"[a for a in ", b"]"),
            (b"f'{", b"}'"), (b"x = ", b""), (b"await ", b""), (b"a[", b"]"), (b"'s' ", b""),
            (b"*", b""), (b"(y := ", b")"),
        )
    ),
    depth=st.integers(1, 6000),
)  # fmt: skip
def test_depth_and_length(shape: bytes, pair: tuple[bytes, bytes], depth: int) -> None:
    opening, closing = pair
    scan({"main.py": APPLICATION + shape % (opening * depth, closing * depth)})


@fuzzed
@given(
    encoding=st.sampled_from(
        ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "utf-7", "idna", "rot13", "hex")
    ),
    declared=st.sampled_from(("", "# coding: {}\n", "#!/x\n# -*- coding: {} -*-\n", "# vim: fileencoding={}\n")),
    ends=st.sampled_from(("\n", "\r\n", "\r", "\n\x0c", "\x85\n", "\u2028\n")),
    text=st.text(max_size=30),
    damage=st.just([]) | steps,
)
def test_encodings_and_line_ends(encoding: str, declared: str, ends: str, text: str, damage: list[Step]) -> None:
    word = "".join(c for c in text if c not in "\\'\n\r\0\x0c")
    source = declared.format(encoding) + APPLICATION.decode()
    source += f"@app.get('/{word}')\nasync def get(): time.sleep(1); return '{word}'  # {word}\n"
    try:
        content = source.replace("\n", ends).encode(encoding, "ignore")
    except (LookupError, UnicodeError):
        content = source.encode("utf-8", "surrogatepass")
    scan({"main.py": damaged(content, damage), "service.py": APPLICATION})


segments = st.text(min_size=1, max_size=12).filter(
    lambda s: "/" not in s and "\0" not in s and s not in (".", "..") and s.isprintable() is not None
)


@fuzzed
@given(folder=segments, name=segments, content=st.sampled_from(FRAGMENTS))
def test_names_of_files(folder: str, name: str, content: bytes) -> None:
    encoded = f"{folder}/{name}.py".encode("utf-8", "surrogateescape" if max(name + folder) >= "\udc80" else "replace")
    path = encoded.decode("utf-8", "surrogateescape")
    source = APPLICATION + b"@app.get('/x')\nasync def x():\n    import time\n    time.sleep(1)\n"
    scan({"main.py": APPLICATION, path: source, f"{folder.encode('utf-8', 'replace').decode()}/b.py": content})
