"""Which operations crash of one cause: one exception of one line, or one kind of input; pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

LARGE = 2**31
MOST_PARAMETERS = 100
PARAMETER = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True)
class Symptom:
    """What is known of one crash: two of them have one cause when they fail alike and share a trait."""

    failure: str
    """The status; with the log at hand the exception and the line that raised it."""
    traits: frozenset[str]
    """The line of the project's own code that it went through, and every parameter with an unusual value."""
    inputs: frozenset[str] = frozenset()
    """The parameters with an unusual value."""
    told: bool = False
    """Whether the log has told the failure: what is not known tells nothing apart."""


def causes(symptoms: Mapping[str, Symptom]) -> dict[str, str]:
    """Operation → its cause, the same text for the same cause.

    A crash that nothing is known of but its input is of the cause that most others of such input have.
    """
    told = {name: each for name, each in symptoms.items() if each.told}
    named = _grouped(told)
    silent = {name: each for name, each in symptoms.items() if not each.told}
    alike = {name: cause for name, each in silent.items() if (cause := _of_such_input(each, told, named))}
    return named | alike | _grouped({name: each for name, each in silent.items() if name not in alike})


def _of_such_input(silent: Symptom, told: Mapping[str, Symptom], named: Mapping[str, str]) -> str:
    shared = Counter(named[name] for name, each in told.items() if name in named and each.inputs & silent.inputs)
    return min(shared, key=lambda cause: (-shared[cause], cause), default="")


def _grouped(symptoms: Mapping[str, Symptom]) -> dict[str, str]:
    """The trait that most of those left share comes first."""
    named: dict[str, str] = {}
    left = dict(symptoms)
    while left:
        shared = Counter((each.failure, trait) for each in left.values() for trait in each.traits)
        failure, trait = min(shared, key=lambda each: (-shared[each], each), default=("", ""))
        group = [name for name, each in left.items() if each.failure == failure and trait in each.traits]
        if not group:
            break
        for name in group:
            named[name] = f"{failure}, {trait}"
            del left[name]
    return named


def unusual(template: str, path: str) -> Iterator[str]:
    """The parameters of a request that hold what people seldom send, each with what it is: `an empty url`."""
    place, _, query = path.partition("?")
    for name, value in (*_path_values(template, place), *_query(query)):
        kind = _kind(value)
        if kind:
            yield f"{kind} `{name}`"


def _path_values(template: str, place: str) -> Iterator[tuple[str, str]]:
    """Of the parameters that fill a whole part of the path."""
    wanted, given = template.split("/"), place.split("/")
    for name, value in zip(wanted, given, strict=False) if len(wanted) == len(given) else ():
        if PARAMETER.fullmatch(name):
            yield name[1:-1], unquote(value)


def _query(query: str) -> Sequence[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        return []


def _kind(value: str) -> str:
    if not value:
        return "an empty"
    if not value.isascii() or not value.isprintable():
        return "unusual characters in"
    try:
        number = float(value) if len(value) < 400 else 0.0  # noqa: PLR2004  longer than any float
    except ValueError:
        return ""
    if number == 0:
        return "a zero as"
    if abs(number) < LARGE:
        return "a negative" if number < 0 else ""
    return "a large"
