"""How much of a program an audit reads: bounds on steps, calls, depth and rounds of loops."""

from dataclasses import dataclass, field

from fastapi_audit.evidence.source.values import FunctionValue, Value

MOST_STEPS = 3_000_000
MOST_STEPS_A_CALL = 60_000
STEPS_A_QUESTION = 50_000
"""That any question about a composed program may take, however many were taken before."""
DEEPEST_CALL = 24
MOST_PLAIN_CALLS = 3000
"""The same as `MOST_CALLS` for a function that only gets constants, such as one that puts a prefix before a path."""
MOST_CALLS = 60
"""A function that is called more often than this registers nothing new, unless it is handed an application."""
MOST_STEPS_FOR_NOTHING = 40_000
"""A function that took more in all its calls and registered nothing is business logic too."""
MOST_ROUNDS = 400
"""Elements of a loop that are followed one by one."""
MOST_NESTED_ROUNDS = 5000
"""The same for loops in loops, all together."""
STEPS_A_REGISTRATION = 30
"""What is registered is looked at again and again."""


@dataclass(slots=True)
class Loop:
    """One `for` or `while` being read."""

    rounds: int = 1
    """How often its body is read."""
    conditions: int = 0
    """How many conditions it stands under."""
    may_raise: int = 0
    """How many bodies of `try` are being read in it."""
    ended: bool = False
    """Whether a `break` has certainly ended it."""
    left: bool = False
    """Whether a `break` may have ended it."""
    went_on: bool = False
    """Whether a `continue` was met in this round."""


@dataclass(slots=True)
class Frame:
    """One function being read."""

    function: FunctionValue | None
    steps_left: int
    depth: int
    """How many conditions the call stands under."""
    returned: list[Value] = field(default_factory=list)
    """What each `return` gives that may be reached."""
    unlikely: list[Value] = field(default_factory=list)
    """What a `return` gives that is reached when a setting has another value than its default."""
    yielded: list[Value] = field(default_factory=list)


class Unlikely(str):
    """A condition that the defaults of settings do not meet."""

    __slots__ = ()


class LongEnoughError(Exception):
    """One call needs more steps than it may spend; what it has returned so far counts."""


class ExhaustedError(Exception):
    """The program needs more steps than an audit may spend."""
