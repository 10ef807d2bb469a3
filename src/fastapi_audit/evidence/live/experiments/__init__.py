"""What the probe asks a service: one module for each question, with the noun that it yields and its `experiment`."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from fastapi_audit.evidence.live.session import Experiment


def every() -> Iterator[Experiment]:
    """All experiments, those that disturb a service last, then by the name of their modules."""
    modules = [import_module(f"{__name__}.{each.name}") for each in iter_modules(__path__)]
    experiments: list[Experiment] = [module.experiment for module in modules]
    yield from sorted(experiments, key=lambda each: each.phase)
