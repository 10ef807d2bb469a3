"""The parameters of a function: type, default, and the marker that configures each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_audit.evidence.source import syntax
from fastapi_audit.evidence.source.code.expressions import Expression
from fastapi_audit.evidence.source.values import ClassValue, Instance, Value
from fastapi_audit.model import Location

if TYPE_CHECKING:
    from fastapi_audit.evidence.source.code.classes import Class
    from fastapi_audit.evidence.source.code.functions import Function


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function."""

    node: syntax.Parameter
    function: "Function"

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def kind(self) -> str:
        """`positional`, `keyword`, `*` or `**`."""
        return self.node.kind

    @property
    def location(self) -> Location:
        return self.function.file.location(self.node)

    @property
    def annotation(self) -> Expression | None:
        """As written; its names belong to the scope around the function."""
        return self.function.outside.expression(self.node.annotation) if self.node.annotation is not None else None

    @property
    def default(self) -> Expression | None:
        return self.function.outside.expression(self.node.default) if self.node.default is not None else None

    @property
    def value(self) -> Value:
        """What it holds, by its annotation, its dependency or its default."""
        return self.function.scope.names.get(self.name) or self.function.evaluate(
            syntax.Name(self.node.start, self.node.end, self.name)
        )

    @property
    def type_name(self) -> str | None:
        """The dotted name of its class: `fastapi.Request`, `str`, `app.models.User`."""
        value = self.value
        return value.type_name if isinstance(value, Instance) else None

    def is_a(self, *names: str) -> bool:
        value = self.value
        return isinstance(value, Instance) and (value.is_a(*names) or value.type_name in names)

    @property
    def defined_class(self) -> "Class | None":
        """The project class of its annotation."""
        value = self.value
        return (
            self.function.source.class_of(value.cls)
            if isinstance(value, Instance) and isinstance(value.cls, ClassValue)
            else None
        )

    @property
    def metadata(self) -> list[Value]:
        """The values of `Annotated[T, …]` after the type, also through an alias; and the default."""
        return self.function.source.metadata(self.node, self.function)

    def marker(self, *names: str) -> Instance | None:
        """The `fastapi.Depends`, `fastapi.Query` … that configures it, from `Annotated` or the default."""
        return next((m for m in self.metadata if isinstance(m, Instance) and m.is_a(*names)), None)

    @property
    def is_dependency(self) -> bool:
        return self.marker("fastapi.Depends", "fastapi.Security") is not None
