"""Database rows: which mapped class a query gives, followed back through the chain of calls that makes it."""

from fastapi_audit.evidence.source.values import ClassValue, Instance, Listing, Value

GETS = frozenset({"get", "get_one", "merge"})
"""Methods of a session whose first argument is the class, or the row."""
DEEPEST = 20


def entity(value: Value, depth: int = 0) -> ClassValue | None:
    """The mapped class of a row, or of the rows of a list; `None` for everything that is not certainly one."""
    if depth > DEEPEST:
        return None
    if isinstance(value, Listing):
        return next((found for item in value.items[:3] if (found := entity(item, depth + 1))), None)
    if not isinstance(value, Instance):
        return None
    if isinstance(value.cls, ClassValue):
        return value.cls if is_mapped(value.cls) else None
    name = value.type_name
    if name in {"list", "typing.List", "typing.Sequence", "collections.abc.Sequence"} and value.args:
        return _mapped(value.args[0])
    if "sqlalchemy" not in name and "sqlmodel" not in name:
        return None
    for argument in value.args[:1]:
        found = _mapped(argument) or entity(argument, depth + 1)
        if found is not None:
            return found
    receiver = value.attributes.get("receiver")
    return entity(receiver, depth + 1) if receiver is not None else None


def _mapped(value: Value) -> ClassValue | None:
    return value if isinstance(value, ClassValue) and is_mapped(value) else None


def is_mapped(cls: ClassValue) -> bool:
    """Whether SQLAlchemy maps the class to a table."""
    if cls.lookup("__tablename__") is not None:
        return True
    return bool({"sqlalchemy.orm.DeclarativeBase", "sqlalchemy.orm.declarative_base()"} & cls.externals())
