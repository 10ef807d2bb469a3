"""Quantities as people write them: `200ms`, `0.1%`."""

import math
import re

NUMBER = r"\s*(\d+(?:\.\d+)?)\s*"
UNITS = {"ms": 1.0, "s": 1000.0, "m": 60_000.0}


def milliseconds(text: str) -> float:
    """`200ms`, `0.2s`, `1m`; `ValueError` for anything else."""
    found = re.fullmatch(NUMBER + r"(ms|s|m)\s*", text)
    if found is None or not (value := float(found[1]) * UNITS[found[2]]) or math.isinf(value):
        message = f"write a time as `200ms` or `1.5s`, not `{text[:50]}`"
        raise ValueError(message)
    return value


def share(text: str) -> float:
    """`0.1%` is 0.001; `ValueError` for anything that is no percentage from 0 to 100."""
    found = re.fullmatch(NUMBER + r"%\s*", text)
    if found is None or (value := float(found[1])) > 100:  # noqa: PLR2004  per cent
        message = f"write a share as `0.1%`, not `{text[:50]}`"
        raise ValueError(message)
    return value / 100
