"""Whether a version range lies inside another, outside it, or neither."""

import re
from collections.abc import Iterable, Iterator

NUMBERS = re.compile(r"\d+(?:\.\d+)*")
BEYOND = 9_999
"""A part of a version that no release reaches."""


def admits_only(asked: Iterable[str], wanted: str) -> bool | None:
    """`True` when each of the ranges admits only versions in `wanted`, `False` when none admits any; else `None`."""
    answers = {_one(specifier, wanted) for specifier in asked}
    return answers.pop() if len(answers) == 1 else None


def _one(asked: str, wanted: str) -> bool | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415  few rules ask, it is not free

    try:
        admitted = SpecifierSet(asked)
    except InvalidSpecifier:
        return None
    range_ = SpecifierSet(wanted)
    # Between two versions that the ranges name, their answers do not change: one version of each stretch tells all.
    inside = {range_.contains(v) for v in _samples(f"{asked} {wanted}") if admitted.contains(v)}
    return inside.pop() if len(inside) == 1 and asked else None


def _samples(ranges: str) -> Iterator[str]:
    """Each version that is named, one right before it and one right after it, also of the releases around it."""
    yield "0"
    for written in NUMBERS.findall(ranges):
        parts = [int(part) for part in written.split(".")]
        for length in range(1, len(parts) + 1):
            head = parts[:length]
            yield from _texts(head, [*head, 0, 0, 1], [*head, BEYOND], [*head[:-1], head[-1] + 1])
            if head[-1]:
                yield from _texts([*head[:-1], head[-1] - 1, BEYOND])
    yield str(BEYOND)


def _texts(*versions: list[int]) -> Iterator[str]:
    return (".".join(str(part) for part in version) for version in versions)
