"""The nouns of an audit as plain lists that JSON can hold, and back: what comes back equals what went in."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from fastapi_audit import model

NOUNS: dict[str, Callable[..., Any]] = {
    name: noun
    for name, noun in vars(model).items()
    if isinstance(noun, type) and (is_dataclass(noun) or (issubclass(noun, Enum) and noun.__module__ == model.__name__))
}
MANY = ""
"""Stands first in the list of a tuple, where a noun has its name."""


def packed(value: Any) -> Any:
    """Constants as they are; `[name, field…]` for a noun, `["", member…]` for a tuple; `TypeError` for all else."""
    if isinstance(value, Enum):
        return [type(value).__name__, value.value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [MANY, *map(packed, value)]
    name = type(value).__name__
    if NOUNS.get(name) is not type(value):
        raise TypeError(name)
    return [name, *(packed(getattr(value, field.name)) for field in fields(value))]


def unpacked(value: Any) -> Any:
    """What `packed` made a list of; `LookupError` or `TypeError` for anything that it cannot have made."""
    if not isinstance(value, list):
        return value
    name, *rest = value
    if name == MANY:
        return tuple(map(unpacked, rest))
    return NOUNS[name](*map(unpacked, rest))
