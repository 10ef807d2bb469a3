"""Shares the parsing of many files among processes; threads cannot help, as parsing holds the interpreter lock."""

import marshal
import os
from collections.abc import Sequence
from contextlib import suppress

from fastapi_audit.evidence.source.facts import Facts, extract

WORTH_SHARING = 300_000
"""Bytes of source below which starting a process costs more than it saves."""
MOST_PROCESSES = 8


def extract_all(contents: Sequence[bytes]) -> list[Facts]:
    """The facts of every content, in order."""
    count = min(_processors(), MOST_PROCESSES)
    if count < 2 or sum(map(len, contents)) < WORTH_SHARING or not hasattr(os, "fork"):  # noqa: PLR2004  one is none
        return [extract(content) for content in contents]
    shares = _shares(contents, count)
    children = [_Child.start([contents[i] for i in share]) for share in shares[1:]]
    found: dict[int, Facts] = {i: extract(contents[i]) for i in shares[0]}
    for share, child in zip(shares[1:], children, strict=True):
        answer = child.answer()
        # A child that died leaves its share to us.
        facts = answer if len(answer) == len(share) else [extract(contents[i]) for i in share]
        found.update(zip(share, facts, strict=True))
    return [found[i] for i in range(len(contents))]


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _shares(contents: Sequence[bytes], count: int) -> list[list[int]]:
    """The numbers of the contents, in shares of about the same size."""
    shares: list[list[int]] = [[] for _ in range(count)]
    sizes = [0] * count
    for number in sorted(range(len(contents)), key=lambda i: -len(contents[i])):
        least = sizes.index(min(sizes))
        shares[least].append(number)
        sizes[least] += len(contents[number])
    return shares


class _Child:
    """One forked process that extracts its share and writes it into a pipe."""

    def __init__(self, process: int, reading: int) -> None:
        self._process = process
        self._reading = reading

    @classmethod
    def start(cls, contents: Sequence[bytes]) -> "_Child":
        reading, writing = os.pipe()
        process = os.fork()
        if process:
            os.close(writing)
            return cls(process, reading)
        status = 1
        # The copy of the parent must never go on as the parent: it leaves here, whatever happens.
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(marshal.dumps([extract(content) for content in contents]))
            status = 0
        finally:
            os._exit(status)

    def answer(self) -> list[Facts]:
        """What the child found; empty when it failed."""
        with os.fdopen(self._reading, "rb") as pipe:
            written = pipe.read()
        _, status = os.waitpid(self._process, 0)
        if status:
            return []
        with suppress(ValueError, EOFError, TypeError):
            found: list[Facts] = marshal.loads(written)  # noqa: S302  our own child wrote it
            return found
        return []
