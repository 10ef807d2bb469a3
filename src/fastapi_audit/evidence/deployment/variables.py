"""`$NAME` and `${NAME:-default}` in deployment files: what is certain, and what only the environment knows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fastapi_audit.evidence.deployment.text import Text

REFERENCE = re.compile(
    r"\$(?:(?P<bare>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-?+])(?P<word>(?:[^{}]|\{[^{}]{0,200}\}){0,500}))?\})"
)
ESCAPED = re.compile(r"(?<!\\)\$\$")


@dataclass(frozen=True, slots=True)
class Reference:
    """One use of a variable that is filled in when the service starts."""

    name: str
    operator: str
    """`""`, `-`, `:-`, `?`, `:?`, `+` or `:+`, as written after the name."""
    word: str
    """What stands after the operator: the default, or the message of `?`."""
    text: Text
    """The whole `${…}`."""

    @property
    def default(self) -> str | None:
        """What is used when the variable is not set; `None` without `-` or `:-`."""
        return self.word if self.operator in {"-", ":-"} else None

    @property
    def required(self) -> bool:
        """Whether the start is refused when the variable is not set (`?` and `:?`)."""
        return self.operator in {"?", ":?"}

    @property
    def may_be_blank(self) -> bool:
        """Whether an unset variable silently becomes the empty string."""
        return self.operator == "" or (self.operator in {"-", ":-"} and not self.word)


@dataclass(frozen=True, slots=True)
class Filled:
    """A text after its variables were filled in as far as the files of the project tell."""

    value: str | None
    """`None` when it depends on a variable that nothing in the project sets."""
    certain: bool
    """Whether the environment of whoever starts it cannot change the value."""


def references(text: Text) -> Iterator[Reference]:
    """Every variable that a value uses, in order; an escaped dollar begins none."""
    for found in REFERENCE.finditer(_without_escapes(text.value)):
        name = found["bare"] or found["name"]
        yield Reference(name, found["operator"] or "", found["word"] or "", text.part(*found.span()))


def required(text: str) -> frozenset[str]:
    """The variables without which compose refuses a file of this text; comments ask for nothing."""
    lines = (line for line in text.splitlines() if "?" in line and not line.lstrip().startswith("#"))
    found = (match for line in lines for match in REFERENCE.finditer(_without_escapes(line)))
    return frozenset(match["name"] for match in found if match["operator"] in {"?", ":?"})


def fill(value: str, known: Mapping[str, str]) -> Filled:
    """Fills in the variables that are known, and the defaults of those that are not."""
    parts: list[str] = []
    certain, last, masked = True, 0, _without_escapes(value)
    for found in REFERENCE.finditer(masked):
        parts.append(_plain(value[last : found.start()]))
        last = found.end()
        name, operator = found["bare"] or found["name"], found["operator"] or ""
        answer = _answer(known.get(name), operator, found["word"] or "", known)
        if answer.value is None:
            return Filled(None, certain=False)
        certain = certain and answer.certain
        parts.append(answer.value)
    return Filled("".join(parts) + _plain(value[last:]), certain)


def _answer(given: str | None, operator: str, word: str, known: Mapping[str, str]) -> Filled:
    """What one reference comes to; with a `:` an empty variable counts as one that is not set."""
    is_set = given is not None and (given != "" or not operator.startswith(":"))
    if operator.endswith("+") and given is not None:
        return fill(word, known) if is_set else Filled("", certain=True)
    if is_set or not operator.endswith("-"):
        return Filled(given if is_set else None, certain=is_set)
    default = fill(word, known)
    return Filled(default.value, default.certain and given is not None)


def _without_escapes(value: str) -> str:
    """The same length with escaped dollars blanked, so that no reference is seen in them."""
    return ESCAPED.sub("\0\0", value).replace("\\$", "\0\0")


def _plain(value: str) -> str:
    return value.replace("$$", "$").replace("\\$", "$")
