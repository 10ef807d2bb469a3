"""YAML and JSON as nodes with exact places; anchors and merge keys are resolved, within bounds."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ast_grep_py import SgNode, SgRoot

from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.evidence.deployment.yaml_scalars import block, double_quoted, folded, single_quoted
from fastapi_audit.model import Edit, Location

DEEPEST = 80
MOST_LINES = 32_000
"""The grammar numbers lines with 16 bits and calls what comes after them broken."""
LONGEST_SCALAR = 50_000
"""Characters; what is longer is a file inside a file and is kept as written."""
MOST_NODES = 200_000
"""Of one file, what merge keys copy included: a file that means more is no deployment file."""

TEMPLATE = re.compile(r"^[ \t]*(?:-[ \t]+)?(?:[\w.\"'/-]{1,200}[ \t]*:[ \t]+)?(?:\{\{|\{%)", re.MULTILINE)
INDENTATION = re.compile(r"([ \t]*)(?:[-?:][ \t]+)*")
MARKER = re.compile(r"[-?:][ \t]+")
QUOTED = {
    "double_quote_scalar": re.compile(r"[\\\n]"),
    "string": re.compile(r"[\\\n]"),
    "single_quote_scalar": re.compile(r"['\n]"),
}
"""What makes a quoted scalar mean something else than what is between its quotes."""

PAIRS = frozenset({"block_mapping_pair", "flow_pair", "pair"})
TRUE, FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})


class NotYamlError(ValueError):
    """The file cannot be used; the message says why, to be completed with the path."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A string, number, boolean or null."""

    text: Text
    quoted: bool = False
    """Quoted or a block scalar, so a string whatever it looks like."""

    @property
    def value(self) -> str:
        return self.text.value

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def is_null(self) -> bool:
        """Whether nothing is given (`key:`, `~`, `null`)."""
        return not self.quoted and self.text.value.lower() in {"", "~", "null"}


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    text: Text
    items: tuple["Node", ...]

    @property
    def location(self) -> Location:
        return self.text.location


@dataclass(frozen=True, slots=True)
class Pair:
    """One `key: value`."""

    key: Text
    value: "Node"
    text: Text
    """Key and value together."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values, merge keys resolved: a key of its own wins over a merged one."""

    text: Text
    pairs: tuple[Pair, ...]
    flow: bool = False
    """Whether it is written with braces."""
    own: frozenset[str] = field(default=frozenset(), repr=False)
    """The keys that stand here and are not merged in."""
    repeated: tuple[Text, ...] = field(default=(), repr=False)
    """The keys that stand here once more; the last of them wins."""

    @property
    def location(self) -> Location:
        return self.text.location

    def pair(self, key: str) -> Pair | None:
        """The pair of a key."""
        return next((pair for pair in self.pairs if pair.key.value == key), None)

    def get(self, *keys: str) -> "Node | None":
        """The node under a path of keys."""
        node: Node | None = self
        for key in keys:
            pair = node.pair(key) if isinstance(node, Mapping) else None
            node = pair.value if pair else None
        return node

    def scalar(self, *keys: str) -> Text | None:
        """The scalar under a path of keys; `None` when there is none, or it is null."""
        node = self.get(*keys)
        return node.text if isinstance(node, Scalar) and not node.is_null else None

    def number(self, *keys: str) -> int | None:
        """The whole number under a path of keys."""
        text = self.scalar(*keys)
        return int(text.value) if text and re.fullmatch(r"\d{1,9}", text.value) else None

    def flag(self, *keys: str) -> bool | None:
        """The boolean under a path of keys."""
        text = self.scalar(*keys)
        word = text.value.lower() if text else ""
        return True if word in TRUE else False if word in FALSE else None

    def mapping(self, *keys: str) -> "Mapping | None":
        """The mapping under a path of keys."""
        node = self.get(*keys)
        return node if isinstance(node, Mapping) else None

    def sequence(self, *keys: str) -> tuple["Node", ...]:
        """The items of the list under a path of keys; none when there is no list."""
        node = self.get(*keys)
        return node.items if isinstance(node, Sequence) else ()

    def mappings(self, *keys: str) -> Iterator["Mapping"]:
        """The mappings in the list under a path of keys."""
        return (item for item in self.sequence(*keys) if isinstance(item, Mapping))

    def added(self, key: str, value: str) -> Edit | None:
        """Writes a further `key: value` after the first own pair, laid out like it; `None` for braces."""
        first = next((pair for pair in self.pairs if pair.key.value in self.own), None)
        if self.flow or first is None:
            return None
        _, column = first.key.document.place(first.key.start)
        lines = value.split("\n")
        block = "\n".join([f"{' ' * (column - 1)}{key}: {lines[0]}", *(f"{' ' * (column - 1)}{x}" for x in lines[1:])])
        return first.text.next_line(block)


Node = Scalar | Sequence | Mapping


def documents(document: Document, language: str = "yaml") -> tuple[Node, ...]:
    """The documents of a YAML or JSON file; raises `NotYamlError` when it is none, or is a template."""
    _refuse_what_the_parser_cannot_bear(document)
    root = SgRoot(document.text, language).root()
    if TEMPLATE.search(document.text):
        message = "is a template; only what it renders to could be read, so it is left alone"
        raise NotYamlError(message)
    builder = _Builder(document)
    return tuple(builder.top(root, language))


def _refuse_what_the_parser_cannot_bear(document: Document) -> None:
    """Too many lines it takes for broken; some 250 levels of indentation abort the whole process."""
    if len(document.starts) > MOST_LINES:
        message = f"has more than {MOST_LINES} lines"
        raise NotYamlError(message)
    levels: list[int] = []
    for start in document.starts:
        found = INDENTATION.match(document.text, start)
        # Every `- ` in front of a value is a level of its own.
        markers = [place.end() for place in MARKER.finditer(found[0])] if found else []
        for column in (len(found[1]) if found else 0, *markers):
            while levels and levels[-1] >= column:
                levels.pop()
            levels.append(column)
            if len(levels) > DEEPEST:
                message = f"is nested more than {DEEPEST} levels deep"
                raise NotYamlError(message)


@dataclass(slots=True)
class _Builder:
    """Turns the syntax tree of one file into nodes."""

    document: Document
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    """What each stands for, and of how many values that consists: each use of it means them all again."""
    count: int = 0

    def top(self, root: SgNode, language: str) -> Iterator[Node]:
        if root.kind() == "ERROR":
            raise self.invalid(root)
        for child in root.children():
            if child.kind() == "ERROR":
                raise self.invalid(child)
            if child.kind() == "document":
                self.anchors.clear()
                yield from (self.node(inner, 0) for inner in self.contents(child))
            elif child.is_named() and language == "json":
                yield self.node(child, 0)

    def invalid(self, node: SgNode) -> NotYamlError:
        span = node.range()
        line = span.end.line if node.kind() == "ERROR" and span.start.line == 0 else span.start.line
        return NotYamlError(f"is not valid YAML or JSON near line {line + 1}")

    def contents(self, node: SgNode) -> Iterator[SgNode]:
        for child in node.children():
            if child.kind() == "ERROR":
                raise self.invalid(child)
            if child.is_named() and not child.kind().endswith(("comment", "directive")):
                yield child

    def spend(self, depth: int, nodes: int = 1) -> None:
        self.count += nodes
        if self.count > MOST_NODES:
            message = f"means more than {MOST_NODES} values once its anchors are followed"
            raise NotYamlError(message)
        if depth > DEEPEST:
            message = f"is nested more than {DEEPEST} levels deep"
            raise NotYamlError(message)

    def node(self, node: SgNode, depth: int) -> Node:
        """The node of a syntax node, with its anchor remembered."""
        before = self.count
        self.spend(depth)
        anchor, built = "", None
        inner = list(self.contents(node)) if node.kind() in {"block_node", "flow_node"} else [node]
        for child in inner:
            if child.kind() == "anchor":
                anchor = child.text().removeprefix("&")
            elif child.kind() != "tag":
                built = self.value(child, depth)
        result = built or Scalar(self.stretch(node).part(0, 0))
        if anchor:
            self.anchors[anchor] = (result, self.count - before)
        return result

    def value(self, node: SgNode, depth: int) -> Node:
        kind = node.kind()
        if kind == "alias":
            return self.alias(node)
        if kind in {"block_mapping", "flow_mapping", "object"}:
            return self.mapping(node, depth)
        if kind in {"block_sequence", "flow_sequence", "array"}:
            return Sequence(self.stretch(node), tuple(self.items(node, depth)))
        return self.scalar(node)

    def alias(self, node: SgNode) -> Node:
        name = node.text().removeprefix("*")
        if name not in self.anchors:
            message = f"uses the alias *{name} where no such anchor is complete"
            raise NotYamlError(message)
        meant, size = self.anchors[name]
        self.spend(0, size)
        return meant

    def items(self, node: SgNode, depth: int) -> Iterator[Node]:
        for child in self.contents(node):
            if child.kind() == "block_sequence_item":
                yield next((self.node(inner, depth + 1) for inner in self.contents(child)), self.empty(child))
            elif child.kind() == "flow_pair":
                yield Mapping(self.stretch(child), (self.pair(child, depth + 1),), flow=True)
            else:
                yield self.node(child, depth + 1)

    def mapping(self, node: SgNode, depth: int) -> Mapping:
        own: dict[str, Pair] = {}
        merged: list[Node] = []
        repeated: list[Text] = []
        for child in self.contents(node):
            pair = self.pair(child, depth + 1)
            if pair.key.value == "<<":
                merged.append(pair.value)
            else:
                repeated += [pair.key] if pair.key.value in own else []
                own[pair.key.value] = pair
        pairs = dict(own)
        for source in merged:
            for mapping in source.items if isinstance(source, Sequence) else (source,):
                self.merge(pairs, mapping)
        flow = node.kind() != "block_mapping"
        return Mapping(self.stretch(node), tuple(pairs.values()), flow, frozenset(own), tuple(repeated))

    def merge(self, pairs: dict[str, Pair], source: Node) -> None:
        if not isinstance(source, Mapping):
            return
        self.spend(0, len(source.pairs))
        for pair in source.pairs:
            pairs.setdefault(pair.key.value, pair)

    def pair(self, node: SgNode, depth: int) -> Pair:
        # `{a, b: c}` has a key alone.
        key, value = (node.field("key"), node.field("value")) if node.kind() in PAIRS else (node, None)
        name = self.node(key, depth) if key else self.empty(node)
        built = self.node(value, depth) if value else self.empty(node)
        text = name.text if isinstance(name, Scalar) else self.stretch(node).part(0, 0)
        return Pair(text, built, self.stretch(node))

    def scalar(self, node: SgNode) -> Scalar:
        written, kind = self.stretch(node), node.kind()
        if written.end - written.start > LONGEST_SCALAR:
            return Scalar(written, quoted=True)
        inner = written.raw[1:-1]
        if kind in QUOTED and not QUOTED[kind].search(inner):
            return Scalar(written.quoted(inner, range(1, len(inner) + 1)), quoted=True)
        if kind in {"double_quote_scalar", "string"}:
            return Scalar(written.quoted(*double_quoted(written.raw)), quoted=True)
        if kind == "single_quote_scalar":
            return Scalar(written.quoted(*single_quoted(written.raw)), quoted=True)
        if kind == "block_scalar":
            return Scalar(written.quoted(*block(written.raw)), quoted=True)
        return Scalar(written.quoted(*folded(written.raw)) if "\n" in written.raw else written)

    def empty(self, node: SgNode) -> Scalar:
        end = node.range().end.index
        return Scalar(Text(self.document, end, end, ""))

    def stretch(self, node: SgNode) -> Text:
        span = node.range()
        return self.document.span(span.start.index, span.end.index)
