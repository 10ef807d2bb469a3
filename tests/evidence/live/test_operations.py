"""What a service says of its operations, and the arguments that are made of it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastapi_audit.evidence.live.operations import MOST_OPERATIONS, ServedOperation, read_operations
from fastapi_audit.evidence.live.probing import Named


def described(told: dict[str, Any], path: str = "/leads/{lead_id}", method: str = "get") -> ServedOperation:
    operations = read_operations(json.dumps({"paths": {path: {method: told}}}).encode(), {})
    assert not isinstance(operations, str)
    (operation,) = operations
    return operation


def parameter(name: str, place: str, *, required: bool = False, **schema: object) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": schema}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, "1"),
        ({"type": "integer", "minimum": 5}, "5"),
        ({"type": "integer", "exclusiveMinimum": 0}, "1"),
        ({"type": "integer", "maximum": 0}, "0"),
        ({"type": "integer", "example": 7}, "7"),
        ({"type": "string", "enum": ["new", "won"]}, "new"),
        ({"type": "string", "format": "uuid"}, "00000000-0000-4000-8000-000000000001"),
        ({"type": "string", "minLength": 3}, "aaa"),
        ({"type": "string", "default": "x/y"}, "x%2Fy"),
        ({"type": "boolean"}, "true"),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "1"),
        ({"type": "array", "items": {"type": "integer"}}, "1"),
    ],
)
def test_a_path_is_filled_with_what_the_schema_accepts(schema: dict[str, object], value: str) -> None:
    operation = described({"parameters": [parameter("lead_id", "path", required=True, **schema)]})

    assert operation.path() == f"/leads/{value}"


def test_only_required_arguments_are_sent() -> None:
    told = {"parameters": [parameter("q", "query", required=True, type="string"), parameter("page", "query")]}

    operation = described(told, "/search")

    assert operation.path() == "/search?q=a"
    assert operation.path(page="2") == "/search?q=a&page=2"


def test_without_a_valid_argument_it_is_not_called() -> None:
    assert described({"parameters": [parameter("q", "query", required=True, type="file")]}, "/search").path() is None
    assert described({"parameters": [parameter("lead_id", "path", example=[])]}).path() is None
    assert described({"parameters": [parameter("lead_id", "path", type="string", pattern="^L-")]}).path() is None
    assert described({}).path() is None


def test_required_headers_and_cookies_are_sent() -> None:
    told = {"parameters": [parameter("X-Tenant", "header", required=True), parameter("sid", "cookie", required=True)]}

    assert described(told, "/").headers() == (("X-Tenant", "a"), ("Cookie", "sid=a"))


@pytest.mark.parametrize(
    ("security", "secured"), [([{"oauth": []}], True), ([], False), ([{"oauth": []}, {}], False), (None, False)]
)
def test_what_asks_for_credentials(security: object, secured: object) -> None:
    assert described({"security": security} if security is not None else {}, "/").secured is secured


def test_a_body_is_made_of_its_model() -> None:
    lead = {
        "type": "object",
        "required": ["name", "tags"],
        "properties": {
            "name": {"type": "string", "minLength": 2},
            "tags": {"type": "array", "items": {"type": "integer"}},
            "note": {"type": "string"},
        },
    }
    document = {
        "paths": {
            "/leads": {
                "post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/lead"}}}}}
            }
        },
        "components": {"lead": lead},
    }

    operations = read_operations(json.dumps(document).encode(), {})

    assert not isinstance(operations, str)
    assert operations[0].body == b'{"name": "aa", "tags": [1]}'


def test_the_kind_of_an_answer() -> None:
    answer = {"responses": {"200": {"content": {"application/json": {"schema": {"type": "array"}}}}}}

    assert described(answer, "/").answer == "array"


def test_arguments_of_the_user_replace_those_made_up() -> None:
    body = json.dumps({"paths": {"/leads/{lead_id}": {"get": {"parameters": [parameter("lead_id", "path")]}}}}).encode()

    operations = read_operations(body, {"GET /leads/{lead_id}": Named(path={"lead_id": "7"}, query={"full": "1"})})

    assert not isinstance(operations, str)
    assert operations[0].path() == "/leads/7?full=1"


@pytest.mark.parametrize(
    ("path", "name", "safe"),
    [
        ("/leads", "list_leads", True),
        ("/logout", "", False),
        ("/leads/{id}/delete", "", False),
        ("/x", "resetPassword", False),
        ("/presets", "", True),
        ("/blogs/outdoor", "", True),
    ],
)
def test_a_get_that_says_that_it_changes_something_is_left_alone(path: str, name: str, safe: object) -> None:
    assert described({"operationId": name}, path).safe is safe


def test_references_in_a_circle_end() -> None:
    document = {"paths": {"/": {"$ref": "#/paths/~1"}}}

    assert read_operations(json.dumps(document).encode(), {}) == ()


def test_no_more_than_so_many_are_taken() -> None:
    body = json.dumps({"paths": {f"/{number}": {"get": {}} for number in range(5_000)}}).encode()

    assert len(read_operations(body, {})) == MOST_OPERATIONS


@pytest.mark.parametrize("path", ["//evil.example/x", "x", "/a\r\nHost: evil", "/" + "x" * 1000])
def test_a_path_that_is_none_is_passed_over(path: str) -> None:
    assert read_operations(json.dumps({"paths": {path: {"get": {}}}}).encode(), {}) == ()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["schema", "in", "name", "type", "$ref", "anyOf", "items", "content", "application/json", "enum", "200"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "parameters": anything,
            "requestBody": anything,
            "responses": anything,
            "security": anything,
            "operationId": anything,
        },
    )
)
def test_any_description_is_read_without_a_crash(told: dict[str, object]) -> None:
    read = read_operations(json.dumps({"paths": {"/leads/{lead_id}": {"get": told}}, "security": 3}).encode(), {})

    assert not isinstance(read, str)
    for operation in read:
        operation.path()
        operation.headers()
