"""Refuses a rule object that cannot match anything: ast-grep itself answers a broken pattern with silence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ast_grep_py import SgNode, SgRoot

from fastapi_audit.errors import ConfigError
from fastapi_audit.evidence.deployment.yaml import Mapping, Node, Scalar, Sequence
from fastapi_audit.evidence.patterns.matching import combined, configured
from fastapi_audit.evidence.patterns.pattern import METAVARIABLE, Pattern, Query

SIGIL = "µ"
"""What ast-grep reads for `$` in a Python pattern, so that it parses."""

MOST_NODES = 200
"""Rule objects in one rule."""
DEEPEST = 12
LONGEST_PATTERN = 4_000
LONGEST_REGEX = 500
FEWEST_LETTERS = 3
"""Of a word that is worth looking for before a file is parsed."""
SHOWN = 60

COMPOSITE = ("all", "any", "not")
RELATIONAL = ("inside", "has", "precedes", "follows")
ATOMIC = ("pattern", "kind", "regex", "nthChild")
KEYS = (*ATOMIC, *COMPOSITE, *RELATIONAL)
STRICTNESS = ("cst", "smart", "ast", "relaxed", "signature")
REFUSED = {
    "matches": "write the rule in place",
    "range": "a rule speaks of code, not of lines",
    "utils": "write the rule in place",
}

_DOLLARS = re.compile(r"\$+(?=[A-Z_])|(?<!\$)\$\$\$(?!\$)")
_PLACEHOLDER = re.compile(rf"({SIGIL}+)([A-Z_][A-Z0-9_]*)?")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Checked:
    """A rule object that can match something."""

    query: Query
    single: frozenset[str] = frozenset()
    several: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    """One of these stands in every file that matches; empty when that is not known."""
    kind: str = ""
    """The kind of node that it matches, where only one can be meant."""
    matches_all: bool = False
    """Whether it is a pattern of one metavariable alone."""


@dataclass(slots=True)
class Checker:
    """Checks the rule objects of one rule; `refuse` says at which line what is wrong."""

    path: str
    nodes: int = 0
    _empty: SgNode = field(default_factory=lambda: SgRoot("", "python").root())

    def refuse(self, node: Node, what: str) -> ConfigError:
        return ConfigError(f"{self.path}:{node.location.line}: {what}")

    def rule(self, node: Node, key: str = "rule", depth: int = 0) -> Checked:
        """A whole rule object, with everything below it."""
        self.nodes += 1
        if self.nodes > MOST_NODES or depth > DEEPEST:
            raise self.refuse(node, f"`{key}` nests more than {DEEPEST} levels or {MOST_NODES} rules; split the rule")
        if not isinstance(node, Mapping) or not node.pairs:
            raise self.refuse(node, f"`{key}` takes an ast-grep rule such as `pattern: print($X)`")
        refuse_repeated(self.path, node)
        relational = key in RELATIONAL
        parts = list(self._parts(node, depth, relational=relational))
        if not any(name in (*ATOMIC, "all", "any", *RELATIONAL) for name, _ in parts):
            raise self.refuse(node, f"`{key}` says only what must not be; add `pattern`, `kind` or `regex`")
        checked = self._together([part for _, part in parts], node)
        query: Query = {name: part.query[name] for name, part in parts}
        if depth == 0 and all(part.matches_all or name == "not" for name, part in parts):
            raise self.refuse(node, f"`{key}` matches every node; add a `kind` or more of a pattern")
        if relational:
            query |= self._relation(node, depth)
        return Checked(query, checked.single, checked.several, checked.words, checked.kind)

    def constraint(self, node: Node) -> Query:
        """What a metavariable must match; what it binds itself is not kept."""
        return self.rule(node, "constraints").query

    def _parts(self, node: Mapping, depth: int, *, relational: bool) -> Iterator[tuple[str, Checked]]:
        for pair in node.pairs:
            name = pair.key.value
            if relational and name in ("stopBy", "field"):
                continue
            if name not in KEYS:
                hint = REFUSED.get(name) or f"known: {', '.join(KEYS)}" + ", stopBy, field" * relational
                problem = "is not supported here" if name in REFUSED else "is no key of an ast-grep rule"
                message = f"{self.path}:{pair.key.location.line}: `{name}` {problem}; {hint}"
                raise ConfigError(message)
            yield name, self._part(name, pair.value, depth)

    def _part(self, name: str, value: Node, depth: int) -> Checked:
        match name:
            case "pattern":
                return self._pattern(value)
            case "kind":
                kind = self._text(name, value, LONGEST_REGEX)
                if kind == "ERROR":
                    raise self.refuse(
                        value, "`kind: ERROR` is code that could not be read, and such files are left out"
                    )
                self._ask({"kind": kind}, value, f"`{kind}` is no kind of node in tree-sitter's Python grammar")
                return Checked({name: kind}, kind=kind)
            case "regex":
                regex = self._text(name, value, LONGEST_REGEX)
                self._ask({"regex": regex}, value, f"`{_short(regex)}` is no regular expression of Rust's `regex`")
                return Checked({name: regex})
            case "nthChild":
                plain = self._plain(value)
                self._ask({"nthChild": plain}, value, "`nthChild` takes a number, a formula or an object")
                return Checked({name: plain})
            case "all":
                parts = [self.rule(item, "all", depth + 1) for item in self._items(name, value)]
                together = self._together(parts, value)
                query: Query = {name: [part.query for part in parts]}
                return Checked(query, together.single, together.several, together.words, together.kind)
            case "any":
                return self._any([self.rule(item, "any", depth + 1) for item in self._items(name, value)])
            case "not":
                return Checked({name: self.rule(value, name, depth + 1).query})
            case _:
                part = self.rule(value, name, depth + 1)
                return Checked({name: part.query}, part.single, part.several, part.words)

    def _items(self, name: str, value: Node) -> tuple[Node, ...]:
        if not isinstance(value, Sequence) or not value.items:
            raise self.refuse(value, f"`{name}` takes a list of rules, each behind a dash")
        return value.items

    def _together(self, parts: list[Checked], node: Node) -> Checked:
        """What holds when all of these match one node."""
        kinds = sorted({part.kind for part in parts if part.kind})
        if len(kinds) > 1:
            raise self.refuse(node, f"no node is both `{kinds[0]}` and `{kinds[1]}`, so nothing can match")
        single = frozenset[str]().union(*(part.single for part in parts))
        several = frozenset[str]().union(*(part.several for part in parts))
        gates = [part.words for part in parts if part.words]
        # The rarest words keep out the most files, and long words are rare.
        words = max(gates, key=lambda gate: min(map(len, gate)), default=frozenset[str]())
        return Checked({}, single, several, words, kinds[0] if kinds else "")

    @staticmethod
    def _any(parts: list[Checked]) -> Checked:
        known = all(part.words for part in parts)
        words = frozenset[str]().union(*(part.words for part in parts)) if known else frozenset[str]()
        kinds = {part.kind for part in parts}
        return Checked(
            {"any": [part.query for part in parts]},
            frozenset.intersection(*(part.single for part in parts)),
            frozenset.intersection(*(part.several for part in parts)),
            words,
            kinds.pop() if len(kinds) == 1 else "",
        )

    def _relation(self, node: Mapping, depth: int) -> Query:
        found: Query = {}
        stop, place = node.get("stopBy"), node.get("field")
        if isinstance(stop, Mapping):
            found["stopBy"] = self.rule(stop, "stopBy", depth + 1).query
        elif stop is not None:
            word = self._text("stopBy", stop, SHOWN)
            if word not in ("neighbor", "end"):
                raise self.refuse(stop, f"`stopBy: {_short(word)}`: write `neighbor`, `end` or a rule")
            found["stopBy"] = word
        if place is not None:
            name = self._text("field", place, SHOWN)
            self._ask(
                {"kind": "call", "has": {"field": name, "kind": "call"}},
                place,
                f"`{_short(name)}` is no field in tree-sitter's Python grammar",
            )
            found["field"] = name
        return found

    def _pattern(self, node: Node) -> Checked:
        if isinstance(node, Mapping):
            return self._pattern_in_context(node)
        text = self._text("pattern", node, LONGEST_PATTERN)
        return self._parsed(text, text, node, "smart", "")

    def _pattern_in_context(self, node: Mapping) -> Checked:
        """`{context: …, selector: …, strictness: …}`."""
        unknown = [pair.key.value for pair in node.pairs if pair.key.value not in ("context", "selector", "strictness")]
        context, selector = node.get("context"), node.get("selector")
        if unknown or context is None:
            raise self.refuse(
                node, "`pattern` takes code, or an object of `context`, `selector` and `strictness`; quote code"
            )
        text = self._text("context", context, LONGEST_PATTERN)
        strictness = node.get("strictness")
        how = self._text("strictness", strictness, SHOWN) if strictness is not None else "smart"
        if strictness is not None and how not in STRICTNESS:
            raise self.refuse(strictness, f"`strictness: {_short(how)}`: write one of {', '.join(STRICTNESS)}")
        kind = self._text("selector", selector, SHOWN) if selector is not None else ""
        style = {"context": text} | ({"selector": kind} if kind else {})
        style |= {"strictness": how} if strictness is not None else {}
        return self._parsed(style, text, node, how, kind)

    def _parsed(self, style: object, text: str, node: Node, strictness: str, selector: str) -> Checked:
        root = SgRoot(_DOLLARS.sub(lambda found: SIGIL * len(found[0]), text), "python").root()
        leaves = list(self._leaves(root, text, node))
        self._ask({"pattern": style}, node, f"the pattern `{_short(text)}` cannot be used")
        if selector:
            chosen = root.find(kind=selector)
            if chosen is None:
                raise self.refuse(node, f"nothing in the `context` is a `{_short(selector)}`, so nothing can match")
            leaves, kind = list(_below(chosen)), selector
        else:
            kind = _innermost(root).kind()
        single: set[str] = set()
        several: set[str] = set()
        words: list[str] = []
        for leaf in leaves:
            found = _PLACEHOLDER.fullmatch(leaf.text())
            if found is None:
                words += [leaf.text()] if _is_required(leaf, strictness) else []
            elif found[2] and not found[2].startswith("_"):
                (several if found[1] == SIGIL * 3 else single).add(found[2])
        longest = max(words, key=len, default="")
        bare = _PLACEHOLDER.fullmatch(_innermost(root).text()) is not None and not selector
        return Checked(
            {"pattern": style},
            frozenset(single),
            frozenset(several),
            frozenset({longest}) if longest else frozenset(),
            "" if bare else kind,
            bare,
        )

    def _leaves(self, root: SgNode, text: str, node: Node) -> Iterator[SgNode]:
        """The leaves of a pattern; refused when it does not parse, or when a metavariable is only part of a word."""
        for part in _everything(root):
            if part.kind() == "ERROR":
                raise self.refuse(
                    node, f"the pattern `{_short(text)}` is not Python near `{_shown(part.text())}`; {_hint(text)}"
                )
            if part.is_leaf() and not part.text():
                hint = "complete it, or write `$$$` for any code"
                raise self.refuse(node, f"the pattern `{_short(text)}` breaks off, so nothing can match; {hint}")
            if not part.is_leaf():
                continue
            if SIGIL in part.text() and not _PLACEHOLDER.fullmatch(part.text()) and part.kind() != "comment":
                raise self.refuse(
                    node,
                    f"`{_shown(part.text())}` in the pattern is one word, so its metavariable stands for nothing;"
                    " use `$NAME` in its place and a `regex` under `constraints`",
                )
            yield part

    def _text(self, name: str, node: Node, most: int) -> str:
        if not isinstance(node, Scalar) or not node.value.strip():
            raise self.refuse(node, f"`{name}` takes text; put it in quotes or behind `|`")
        if len(node.value) > most:
            raise self.refuse(node, f"`{name}` is longer than {most} characters; shorten it")
        return node.value.rstrip("\n")

    def _plain(self, node: Node) -> object:
        """What YAML means by it: numbers and booleans too."""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise self.refuse(node, f"more than {MOST_NODES} values; split the rule")
        if isinstance(node, Mapping):
            return {pair.key.value: self._plain(pair.value) for pair in node.pairs}
        if isinstance(node, Sequence):
            return [self._plain(item) for item in node.items]
        if not node.quoted and re.fullmatch(r"\d{1,6}", node.value):
            return int(node.value)
        return node.value == "true" if not node.quoted and node.value in ("true", "false") else node.value

    def whole(self, pattern: Pattern, node: Node) -> None:
        """Compiles the rule as it will be matched; what its parts did not show is refused here."""
        self._ask(combined({0: pattern.query}), node, "the rule cannot be used")
        for constraint in pattern.constraints.values():
            self._ask(constraint, node, "a constraint cannot be used")

    def _ask(self, query: Query, node: Node, otherwise: str) -> None:
        """Lets ast-grep compile a part alone, so that what it refuses is told in one line, with its place."""
        try:
            self._empty.find(configured(query))
        # The binding raises plain `Exception` and `RuntimeError`.
        except Exception as error:  # noqa: BLE001
            raise self.refuse(node, f"{otherwise}: {_said(str(error))}") from None


def _said(text: str) -> str:
    """The innermost cause of an error of ast-grep, without its backtrace."""
    told = text.partition("Stack backtrace")[0].strip().replace("\n\n", "\n")
    causes = re.split(r"\n\s*\d+: ", told.replace("Caused by:", ""))
    last = " ".join(causes[-1].split())
    return last.rpartition(" error: ")[2][:200].rstrip(".")


def _everything(root: SgNode) -> Iterator[SgNode]:
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(node.children()))


def _below(root: SgNode) -> Iterator[SgNode]:
    return (node for node in _everything(root) if node.is_leaf())


def _innermost(root: SgNode) -> SgNode:
    """What a pattern matches: the outermost node that is more than a wrapping."""
    node = root
    while len(children := node.children()) == 1:
        node = children[0]
    return node


def _is_required(leaf: SgNode, strictness: str) -> bool:
    """Whether code that matches has to hold this very word."""
    text = leaf.text()
    if strictness == "signature" or len(text) < FEWEST_LETTERS or "\n" in text:
        return False
    if leaf.kind() in ("identifier", "string_content"):
        return True
    return strictness in ("smart", "cst") and not leaf.is_named() and _WORD.fullmatch(text) is not None


def _hint(text: str) -> str:
    if re.search(r"\$[a-z]", text):
        return "a metavariable is written in capitals: `$NAME`"
    if text.lstrip().startswith(("@", "except", "elif", "else", "case", "finally")):
        return "give the whole statement as `context` and its part as `selector`"
    return "a pattern is a whole expression or statement; check brackets and quotes"


def refuse_repeated(path: str, node: Mapping) -> None:
    """Of two equal keys one would be lost without a word."""
    for key in node.repeated:
        message = f"{path}:{key.location.line}: `{key.value[:SHOWN]}` stands here twice; keep one"
        raise ConfigError(message)


def _short(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= SHOWN else joined[: SHOWN - 1] + "…"


def _shown(text: str) -> str:
    return _short(text.replace(SIGIL, "$"))


def variables_of(text: str) -> Iterator[str]:
    """The metavariables that a message or a fix mentions."""
    for found in METAVARIABLE.finditer(text):
        yield found[1] or found[2] or "$$$"
