"""Counts what the source model found of the truth, what it invented, and what it got right of the rest."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.accuracy.handlers import WEBSOCKET, Handler, Layer, Told

FRAMEWORK = "fastapi/"


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def ratio(self) -> float:
        """1 when there was nothing to get wrong."""
        return self.part / self.whole if self.whole else 1.0

    def __add__(self, other: "Share") -> "Share":
        return Share(self.part + other.part, self.whole + other.whole)

    def __str__(self) -> str:
        return f"{100 * self.ratio:.1f} % ({self.part}/{self.whole})" if self.whole else "none"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One application, truth against source model."""

    matched: tuple[tuple[Handler, Handler], ...]
    """Truth and model of every own route that was found."""
    missing: tuple[Handler, ...]
    extra: tuple[Handler, ...]
    """Reported without a condition, and not there."""
    reported: int
    """How many handlers are reported without a condition."""
    conditional: Share
    """Of those reported under a condition, how many exist in the environment of the truth."""
    truth_layers: tuple[Layer, ...]
    model_layers: tuple[Layer, ...]
    elsewhere: int
    """Handlers of other applications in the same tree, which the truth does not speak of."""
    unresolved: tuple[str, ...]

    @property
    def found(self) -> Share:
        return Share(len(self.matched), len(self.matched) + len(self.missing))

    @property
    def real(self) -> Share:
        return Share(self.reported - len(self.extra), self.reported)

    @property
    def placed(self) -> Share:
        """First decorator's line, or the place of the function where there is none."""
        return _share((true.file, true.line) == (model.file, model.line) for true, model in self.matched)

    @property
    def async_right(self) -> Share:
        return _share(true.is_async == model.is_async for true, model in self.matched)

    @property
    def dependencies_found(self) -> Share:
        return _share(each in model.dependencies for true, model in self.depending for each in true.dependencies)

    @property
    def dependencies_real(self) -> Share:
        return _share(each in true.dependencies for true, model in self.depending for each in model.dependencies)

    @property
    def depending(self) -> list[tuple[Handler, Handler]]:
        """The matched without WebSockets, whose dependencies the truth lacks as it lacks their path."""
        return [(true, model) for true, model in self.matched if true.method != WEBSOCKET]

    @property
    def order_right(self) -> bool:
        """Whether the stack is the truth's, but for layers that are reported under a condition."""
        return _explains(self.truth_layers, self.model_layers)


def compare(truth: Told, model: Told, root: Path) -> Comparison:
    """Own code of the truth is what lies in the tree; the rest came from other packages."""
    truth, model = _named_alike(truth, root), _named_alike(model, root)
    own = [each for each in truth.handlers if not _foreign(each) and (root / each.file).is_file()]
    apps = _applications(truth, model)
    here = [each for each in model.handlers if each.app in apps]
    candidates = defaultdict(list)
    for handler in here:
        candidates[handler.key].append(handler)
    matched = tuple((true, _best(true, candidates[true.key])) for true in own if true.key in candidates)
    plain = [each for each in here if each.condition is None]
    return Comparison(
        matched=matched,
        missing=tuple(each for each in own if each.key not in candidates),
        extra=tuple(_surplus(plain, truth.handlers)),
        reported=len(plain),
        conditional=_share(
            each.key in {true.key for true in truth.handlers} for each in here if each.condition is not None
        ),
        truth_layers=truth.middleware,
        model_layers=tuple(each for each in model.middleware if each.app == _outermost(truth, model, apps)),
        elsewhere=len(model.handlers) - len(here),
        unresolved=model.unresolved,
    )


def _named_alike(told: Told, root: Path) -> Told:
    """Without the tree of another package nobody can know in which of its modules a name was defined."""
    here = {each.name.partition(".")[0] for each in root.iterdir()}

    def alike(name: str) -> str:
        package, _, rest = name.partition(".")
        return f"{package}.{rest.rpartition('.')[2]}" if rest and package not in here else name

    handlers = (replace(each, dependencies=frozenset(map(alike, each.dependencies))) for each in told.handlers)
    return replace(told, handlers=tuple(handlers))


def _applications(truth: Told, model: Told) -> Counter[str]:
    """The applications that the truth speaks of, by the number of their handlers.

    The target by its name, with what it mounts; else those that share most of their handlers.
    """
    named = Counter(each.app for each in model.handlers if each.app == truth.target)
    if named:
        return named
    known = {(each.file, each.line) for each in truth.handlers}
    every = Counter(each.app for each in model.handlers)
    shared = Counter(each.app for each in model.handlers if (each.file, each.line) in known)
    return Counter({app: count for app, count in every.items() if 2 * shared[app] >= count})


def _outermost(truth: Told, model: Told, apps: Counter[str]) -> str:
    """The target by its name, else by the name of its attribute, else the largest that has layers."""
    layered = {each.app for each in model.middleware}
    if truth.target in layered:
        return truth.target
    attribute = truth.target.rpartition(":")[2]
    alike = Counter({app: count for app, count in apps.items() if app.rpartition(":")[2] == attribute})
    largest = Counter({app: count for app, count in apps.items() if app in layered})
    return next((app for app, _ in (alike or largest).most_common(1)), "")


def _foreign(handler: Handler) -> bool:
    return handler.file.startswith(("site-packages:", FRAMEWORK))


def _share(judgements: Iterable[bool]) -> Share:
    counted = Counter(judgements)
    return Share(counted[True], counted.total())


def _best(true: Handler, candidates: Sequence[Handler]) -> Handler:
    return min(
        candidates, key=lambda each: (each.condition is not None, (each.file, each.line) != (true.file, true.line))
    )


def _surplus(reported: Iterable[Handler], truth: Iterable[Handler]) -> Iterator[Handler]:
    """A second report of the same route is one too many, unless the application has registered it twice."""
    left = Counter(each.key for each in truth)
    for handler in reported:
        left[handler.key] -= 1
        if left[handler.key] < 0:
            yield handler


def _explains(truth: Sequence[Layer], model: Sequence[Layer]) -> bool:
    if not model:
        return not truth
    first, *rest = model
    if truth and truth[0].name == first.name and _explains(truth[1:], rest):
        return True
    return first.condition is not None and _explains(truth, rest)
