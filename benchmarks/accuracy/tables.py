"""The measurements as Markdown for benchmarks/README.md, and one application's differences in plain text."""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import add

from benchmarks.accuracy.comparing import Comparison, Share

NOTHING = Share(0, 0)

HEADS = (
    "application",
    "routes found",
    "reported are real",
    "under a condition, real here",
    "place",
    "async",
    "dependencies found",
    "dependencies real",
    "middleware order",
    "unresolved",
    "seconds",
)


def table(measured: Mapping[str, tuple[Comparison, float]], lower_bounds: Iterable[str]) -> str:
    """One line per application and one over all."""
    lines = [_line(HEADS), _line("---" for _ in HEADS)]
    lines += [_line(_row(name, *each, judged=name not in set(lower_bounds))) for name, each in measured.items()]
    return "\n".join([*lines, _line(_total(measured, set(lower_bounds)))])


def explanation(compared: Comparison) -> Iterator[str]:
    """Every difference between truth and model, for whoever works on the model."""
    yield from _section("missing routes", (str(each) for each in compared.missing))
    yield from _section("reported, but not there", (str(each) for each in compared.extra))
    yield from _section(
        "wrong place or async flag",
        (
            f"{true}\n      model: {model.file}:{model.line} async={model.is_async} (truth async={true.is_async})"
            for true, model in compared.matched
            if (true.file, true.line, true.is_async) != (model.file, model.line, model.is_async)
        ),
    )
    yield from _section("dependencies", _dependency_lines(compared))
    if not compared.order_right:
        yield from _section("middleware of the truth", (each.name for each in compared.truth_layers))
        yield from _section(
            "middleware of the model", (f"{each.name} {each.condition or ''}" for each in compared.model_layers)
        )
    yield from _section("unresolved", compared.unresolved)


def _row(name: str, compared: Comparison, seconds: float, *, judged: bool) -> Iterator[str]:
    yield name
    yield str(compared.found)
    yield str(compared.real) if judged else f"not judged, {len(compared.extra)} more"
    yield str(compared.conditional)
    yield str(compared.placed)
    yield str(compared.async_right)
    yield str(compared.dependencies_found)
    yield str(compared.dependencies_real)
    yield "right" if compared.order_right else "wrong"
    yield str(len(compared.unresolved))
    yield f"{seconds:.1f}"


def _total(measured: Mapping[str, tuple[Comparison, float]], lower_bounds: set[str]) -> Iterator[str]:
    every = [compared for compared, _ in measured.values()]
    yield "**all**"
    yield str(reduce(add, (each.found for each in every), NOTHING))
    yield str(reduce(add, (each.real for name, (each, _) in measured.items() if name not in lower_bounds), NOTHING))
    yield str(reduce(add, (each.conditional for each in every), NOTHING))
    yield str(reduce(add, (each.placed for each in every), NOTHING))
    yield str(reduce(add, (each.async_right for each in every), NOTHING))
    yield str(reduce(add, (each.dependencies_found for each in every), NOTHING))
    yield str(reduce(add, (each.dependencies_real for each in every), NOTHING))
    yield f"{sum(each.order_right for each in every)} of {len(every)}"
    yield str(sum(len(each.unresolved) for each in every))
    yield f"{sum(seconds for _, seconds in measured.values()):.1f}"


def _dependency_lines(compared: Comparison) -> Iterator[str]:
    for true, model in compared.depending:
        if true.dependencies != model.dependencies:
            missing, extra = true.dependencies - model.dependencies, model.dependencies - true.dependencies
            signs = [*(f"-{each}" for each in sorted(missing)), *(f"+{each}" for each in sorted(extra))]
            yield f"{true.method} {true.path}: {' '.join(signs)}"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    yield f"{title}: {len(listed)}"
    yield from (f"  {line}" for line in listed)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
