"""A counter that all warehouses share; it is asked politely."""

import itertools
import time

PAUSE_SECONDS = 0.05
numbers = itertools.count(1)


def reserve(_name: str) -> int:
    time.sleep(PAUSE_SECONDS)  # finding: blocking-call
    return next(numbers)
