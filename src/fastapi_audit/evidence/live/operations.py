"""The operations that a service describes in its openapi.json, with arguments that it should accept; hostile input."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from fastapi_audit.evidence.live.permission import SAFE_METHODS
from fastapi_audit.evidence.live.probing import Named

SCHEMA_LIMIT = 8_000_000
"""Bytes of a description that are read."""
MOST_OPERATIONS = 500
MOST_PARAMETERS = 50
DEEPEST = 12
"""Steps through references and nested schemas."""
LONGEST = 500
"""Characters of a path, a name or a value that is taken over."""
METHODS = ("get", "head", "options", "post", "put", "patch", "delete")
CONVERTER = re.compile(r"\{(\w+):\w+\}")
LEAVING = re.compile(
    r"(?<![a-z])(log-?_?out|sign-?_?out|delete|remove|destroy|reset|shut-?_?down|purge|revoke|unsubscribe)"
)
"""A GET with such a name does what a GET should not: it is left alone."""
FORMATS = {
    "uuid": "00000000-0000-4000-8000-000000000001",
    "date-time": "2024-01-01T00:00:00Z",
    "date": "2024-01-01",
    "time": "12:00:00Z",
    "email": "probe@example.com",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "binary": "x",
    "byte": "eA==",
}
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation."""

    name: str
    place: str
    """`path`, `query`, `header` or `cookie`."""
    required: bool
    kind: str
    """`integer`, `string`, `array` …, empty where the description does not say."""
    value: str | None
    """One that should be accepted; `None` where none can be made up."""
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class ServedOperation:
    """One method of one path, as the service describes it."""

    method: str
    template: str
    """`/users/{id}`."""
    parameters: tuple[Parameter, ...] = ()
    secured: bool = False
    """Whether it says that it asks for credentials."""
    answer: str = ""
    """What its 2xx answer is: `array`, `object` …, empty where the description does not say."""
    body: bytes | None = None
    """A JSON body that should be accepted; `None` where it takes none or none can be made up."""
    takes_body: bool = False
    texts: tuple[str, ...] = ()
    """Names of the text fields of its JSON body, those that it does without too."""
    name: str = ""
    """Its operationId."""
    tag: str = ""
    """The first of its tags."""

    @property
    def key(self) -> str:
        """`GET /users/{id}`: what findings, routes and configuration call it."""
        return f"{self.method} {self.template}"

    @property
    def safe(self) -> bool:
        """Whether it may be called without asking: a GET that does not say that it changes something."""
        words = f"{self.template} {re.sub(r'(?<=[a-z])(?=[A-Z])', '_', self.name)}".lower()
        return self.method in SAFE_METHODS and not LEAVING.search(words)

    def path(self, **arguments: str) -> str | None:
        """The path and query to call it with; arguments replace those made up, `None` when one cannot be."""
        known = {each.name: each.value for each in self.parameters if each.required or each.place == "path"} | arguments
        filled = self.template
        for name in re.findall(r"\{(\w+)\}", self.template):
            value = known.get(name)
            if value is None:
                return None
            filled = filled.replace("{" + name + "}", quote(value, safe=""))
        query = {each.name for each in self.parameters if each.place == "query"}
        given = {name: value for name, value in known.items() if name in query}
        if any(value is None for value in given.values()) or "{" in filled:
            return None
        return filled + (f"?{urlencode({n: v for n, v in given.items() if v is not None})}" if given else "")

    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers and cookies that it requires."""
        needed = [each for each in self.parameters if each.required and each.value is not None]
        cookies = "; ".join(f"{each.name}={each.value}" for each in needed if each.place == "cookie")
        sent = tuple((each.name, each.value or "") for each in needed if each.place == "header" and each.name.isascii())
        return (*sent, *((("Cookie", cookies),) if cookies else ()))


def read_operations(body: bytes, named: Mapping[str, Named]) -> tuple[ServedOperation, ...] | str:
    """The operations in the order of their paths, or why the description cannot be used."""
    try:
        document = json.loads(body)
        if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
            return "it is no OpenAPI description: it has no `paths`"
        described = sorted(_operations(_Description(document)), key=lambda each: (each.template, each.method))
    except (ValueError, RecursionError) as error:
        return f"it is no JSON: {' '.join(str(error).split())[:100]}"
    return tuple(_with(each, named.get(each.key)) for each in described[:MOST_OPERATIONS])


def from_the_root(body: bytes, served_at: str) -> bytes:
    """A readable description with paths from the root: a mounted application names its own, and its place as server."""
    place, document = served_at.rpartition("/")[0], json.loads(body)
    if not place or not any(
        isinstance(each, dict) and each.get("url") == place for each in _list(document.get("servers"))
    ):
        return body
    paths = {f"{place}{path}": item for path, item in document["paths"].items()}
    return json.dumps({**document, "paths": paths}).encode()


def browsers_sign_in(body: bytes) -> bool:
    """Whether the description names credentials that a browser sends by itself: a cookie, or HTTP Basic."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    description = _Description(document if isinstance(document, dict) else {})
    schemes = description.resolved(description.resolved(description.document.get("components")).get("securitySchemes"))
    return any(_sent_by_browsers(description.resolved(each)) for each in list(schemes.values())[:MOST_PARAMETERS])


def _sent_by_browsers(scheme: Schema) -> bool:
    cookie = scheme.get("type") == "apiKey" and scheme.get("in") == "cookie"
    return cookie or (scheme.get("type") == "http" and str(scheme.get("scheme")).lower() == "basic")


def _with(operation: ServedOperation, named: Named | None) -> ServedOperation:
    """With the arguments that the user has given."""
    if named is None:
        return operation
    given = {**{(n, "path"): v for n, v in named.path.items()}, **{(n, "query"): v for n, v in named.query.items()}}
    kept = [each for each in operation.parameters if (each.name, each.place) not in given]
    added = [Parameter(name, place, required=True, kind="", value=value) for (name, place), value in given.items()]
    body = named.body.encode() if named.body else operation.body
    return replace(operation, parameters=(*kept, *added), body=body)


@dataclass(frozen=True, slots=True)
class _Description:
    document: Schema

    def resolved(self, value: object, depth: int = 0) -> Schema:
        """A mapping, references followed; empty for anything else."""
        while isinstance(value, dict) and isinstance(reference := value.get("$ref"), str):
            depth += 1
            if depth > DEEPEST or not reference.startswith("#/"):
                return {}
            value = self._at(reference)
        return value if isinstance(value, dict) else {}

    def _at(self, reference: str) -> object:
        place: object = self.document
        for step in reference[2:].split("/")[:DEEPEST]:
            place = place.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(place, dict) else None
        return place


def _operations(description: _Description) -> Iterator[ServedOperation]:
    paths = list(description.document["paths"].items())[:MOST_OPERATIONS]
    for path, item in paths:
        shared = description.resolved(item)
        if not isinstance(path, str) or not _is_plain(path):
            continue
        for method in METHODS:
            if isinstance(told := shared.get(method), dict):
                yield _operation(description, CONVERTER.sub(r"{\1}", path), method, shared, told)


def _is_plain(path: str) -> bool:
    return path.startswith("/") and not path.startswith("//") and path.isprintable() and len(path) <= LONGEST


def _operation(description: _Description, path: str, method: str, shared: Schema, told: Schema) -> ServedOperation:
    listed = [*_list(shared.get("parameters")), *_list(told.get("parameters"))]
    parameters = [_parameter(description, description.resolved(each)) for each in listed[:MOST_PARAMETERS]]
    security = told.get("security", description.document.get("security"))
    body = _json_schema(description, description.resolved(told.get("requestBody")))
    example = None if body is None else _example(description, body)
    return ServedOperation(
        method.upper(),
        path,
        tuple(each for each in parameters if each is not None),
        # An empty requirement among several says that it may be called without.
        secured=isinstance(security, list) and bool(security) and {} not in security,
        answer=_answer(description, told),
        body=None if example is None else json.dumps(example).encode(),
        takes_body=isinstance(told.get("requestBody"), dict),
        texts=() if body is None else tuple(_texts(description, body)),
        name=str(told.get("operationId", ""))[:LONGEST],
        tag=next((each[:LONGEST] for each in _list(told.get("tags")) if isinstance(each, str)), ""),
    )


def _texts(description: _Description, body: Schema) -> Iterator[str]:
    properties = _variant(description, body).get("properties")
    for name, told in [*properties.items()][:MOST_PARAMETERS] if isinstance(properties, dict) else ():
        kind = _kind(_variant(description, description.resolved(told)))
        if isinstance(name, str) and len(name) <= LONGEST and kind == "string":
            yield name


def _parameter(description: _Description, told: Schema) -> Parameter | None:
    name, place = told.get("name"), told.get("in")
    if not isinstance(name, str) or not isinstance(place, str) or not name.isprintable() or len(name) > LONGEST:
        return None
    schema = description.resolved(told.get("schema"))
    example = next((told[key] for key in ("example",) if key in told), None)
    value = example if example is not None else _example(description, schema)
    maximum = _variant(description, schema).get("maximum")
    return Parameter(
        name,
        place,
        required=told.get("required") is True or place == "path",
        kind=_kind(_variant(description, schema)),
        value=_text(value),
        maximum=float(maximum) if isinstance(maximum, int | float) else None,
    )


def _text(value: object) -> str | None:
    match value:
        case bool():
            return str(value).lower()
        case int() | float() | str():
            text = str(value)[:LONGEST]
            return text if text and text.isprintable() else None
        case [first, *_]:
            return _text(first)
        case _:
            return None


def _answer(description: _Description, told: Schema) -> str:
    answers = told.get("responses")
    for status, answer in sorted(answers.items()) if isinstance(answers, dict) else ():
        if str(status).startswith("2"):
            schema = _json_schema(description, description.resolved(answer))
            return _kind(schema) if schema is not None else ""
    return ""


def _json_schema(description: _Description, told: Schema) -> Schema | None:
    content = told.get("content")
    if not isinstance(content, dict) or not isinstance(content.get("application/json"), dict):
        return None
    return description.resolved(content["application/json"].get("schema"))


def _variant(description: _Description, schema: Schema) -> Schema:
    """The first of several that is not null."""
    for key in ("anyOf", "oneOf", "allOf"):
        for each in _list(schema.get(key)):
            resolved = description.resolved(each)
            if resolved.get("type") != "null":
                return resolved
    return schema


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    return kind if isinstance(kind, str) else next((k for k in _list(kind) if isinstance(k, str) and k != "null"), "")


def _example(description: _Description, schema: Schema, depth: int = 0) -> Any:
    """A value that the schema should accept; `None` where none can be made up."""
    schema = _variant(description, description.resolved(schema))
    if depth > DEEPEST:
        return None
    given = next(_given(schema), None)
    if given is not None:
        return given
    match _kind(schema):
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "array":
            return _items(description, schema, depth)
        case "object":
            return _members(description, schema, depth)
        case "string" | "":
            return _string(schema)
        case _:
            return None


def _given(schema: Schema) -> Iterator[Any]:
    """The values that the description itself names."""
    for key in ("example", "default", "const"):
        if schema.get(key) is not None:
            yield schema[key]
    for key in ("examples", "enum"):
        yield from (each for each in _list(schema.get(key)) if each is not None)


def _number(schema: Schema) -> float:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high = schema.get("maximum")
    if isinstance(low, int | float):
        return low
    if isinstance(above, int | float):
        return above + 1
    return min(1, high) if isinstance(high, int | float) else 1


def _string(schema: Schema) -> str | None:
    if isinstance(schema.get("pattern"), str):
        return None
    known = FORMATS.get(str(schema.get("format", "")))
    shortest = schema.get("minLength")
    wanted = shortest if isinstance(shortest, int) and 0 < shortest <= LONGEST else 1
    return known or "a" * wanted


def _items(description: _Description, schema: Schema, depth: int) -> list[Any] | None:
    fewest = schema.get("minItems")
    count = fewest if isinstance(fewest, int) and 0 < fewest <= DEEPEST else 1
    each = _example(description, description.resolved(schema.get("items")), depth + 1)
    return None if each is None else [each] * count


def _members(description: _Description, schema: Schema, depth: int) -> dict[str, Any] | None:
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    made = {}
    for name in _list(schema.get("required"))[:MOST_PARAMETERS]:
        value = _example(description, description.resolved(known.get(name)), depth + 1) if name in known else None
        if value is None:
            return None
        made[name] = value
    return made


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
