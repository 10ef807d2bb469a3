"""The service against its own OpenAPI document: Schemathesis in a process of its own, read from its event report.

Its command line and reports are what it calls public; its engine is not. Only checks are run that did not cry wolf on
ordinary FastAPI services: a server error, declared authentication that is not asked for, an answer that breaks its
own schema.
"""

import base64
import binascii
import json
import math
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi_audit.evidence.live import redaction
from fastapi_audit.evidence.live.crashes import Sent
from fastapi_audit.evidence.live.probing import Headers
from fastapi_audit.evidence.live.statuses import UNHANDLED
from fastapi_audit.evidence.live.tools import Tool
from fastapi_audit.model import EvidenceKind, Observation

SERVER_ERROR = "not_a_server_error"
IGNORED_AUTH = "ignored_auth"
SCHEMA_BROKEN = "response_schema_conformance"
CHECKS = (SERVER_ERROR, IGNORED_AUTH, SCHEMA_BROKEN)


STARTING_S = 10.0
"""For its start on a busy machine."""
SEED = 1
"""The same service is asked the same questions each time."""
LINE_LIMIT = 20_000_000
"""Characters of one event that are parsed."""
SHOWN = 2_000
"""Characters of a body, a message or a header value that are kept."""
LONGEST = 100_000
"""Characters of an address or a body that are kept to be sent again."""
FILTERED = "[Filtered]"
NOT_KEPT = frozenset({"host", "content-length", "connection", "accept-encoding", "transfer-encoding", "user-agent"})
"""Headers that a client sets by itself."""
REFUSAL = 422
REFUSED_BY_FASTAPI = "#/components/schemas/HTTPValidationError"
REFERENCES = 100_000
"""Nodes of the document that are searched for references."""

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What Schemathesis is run on."""

    document: Mapping[str, Any]
    """The OpenAPI document, already fetched and bounded."""
    base_url: str
    headers: Headers = ()
    mutating: bool = False
    """Whether methods beyond GET may be sent."""
    seconds: int = 20
    """The whole budget is used: what it generates has no end."""
    rate: int = 100
    """Requests per second, at most."""
    timeout_s: float = 5.0
    patience_s: float = math.inf
    """Seconds after which it is told to end, whatever it does."""
    shown_at: str = ""
    """The address that a report shows instead; `base_url` when not given."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What no report may show, beyond what looks like a secret."""

    def clean(self, text: str) -> str:
        """A text for a report."""
        return redaction.text(text.replace(self.base_url, self.shown_at or self.base_url), self.secrets)


@dataclass(frozen=True, slots=True)
class BrokenPromise:
    """One check that an operation failed, with the first exchange that shows it."""

    check: str
    title: str
    observation: Observation
    sent: Sent | None = None
    """The request, to be sent again; `None` when it is too large or filtered."""


@dataclass(frozen=True, slots=True)
class ExaminedOperation:
    """What became of one operation of the document."""

    operation: str
    """`GET /users/{id}`."""
    requests: int
    broken: tuple[BrokenPromise, ...]
    """At most one for each check."""
    statuses: frozenset[int] = frozenset()
    """Of its answers."""

    def failing(self, check: str) -> BrokenPromise | None:
        """The broken promise of one check, `None` when it was kept."""
        return next((each for each in self.broken if each.check == check), None)


@dataclass(frozen=True, slots=True)
class Contract:
    """The whole run."""

    operations: tuple[ExaminedOperation, ...]
    requests: int
    reason: str = ""
    """Why nothing, or not everything, could be tested."""


async def examine(question: Question) -> Contract:
    """Runs Schemathesis for the seconds of the question; when cancelled, ends it at once."""
    if outside := _reference_outside(question.document):
        return Contract(
            (), 0, f"the OpenAPI document refers to `{outside[:SHOWN]}` outside itself, which is not followed"
        )
    with TemporaryDirectory(prefix="fastapi-audit-") as place:
        folder = Path(place)  # readable by us alone: the headers may hold a token
        (folder / "openapi.json").write_text(json.dumps(question.document), encoding="utf-8")
        (folder / "schemathesis.toml").write_text(_configuration(question), encoding="utf-8")
        patience = min(question.seconds + question.timeout_s + STARTING_S, question.patience_s)
        tool = Tool("Schemathesis", _command(question), folder, patience)
        ending = await tool.run()
        tested, requests = _read(folder / "events.ndjson", question)
        if not tested and not ending:
            ending = tool.last_line or "Schemathesis tested nothing and said nothing"
        return Contract(tuple(tested), requests, ending)


def _command(question: Question) -> list[str]:
    methods = [] if question.mutating else ["--include-method", "GET"]
    return [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
        *("run", "openapi.json", "--url", question.base_url, *methods),
        *("--checks", ",".join(CHECKS), "--no-color"),
        *("--report", "ndjson", "--report-ndjson-path", "events.ndjson"),
    ]


def _configuration(question: Question) -> str:
    """TOML; a JSON string is a TOML string. Headers stand here, since a command line is seen by every user."""
    headers = [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in question.headers]
    lines = [
        f"seed = {SEED}",
        f"max-time = {question.seconds}",
        "continue-on-failure = true",
        f"request-timeout = {question.timeout_s}",
        "max-redirects = 0",
        f'rate-limit = "{question.rate}/s"',
        *(["[headers]", *headers] if headers else []),
        "[generation]",
        'database = "none"',
        "no-shrink = true",
        "[phases.coverage]",
        # Otherwise it also sends every method that the document does not name.
        "unexpected-methods = []",
        "[phases.stateful]",
        f"enabled = {json.dumps(question.mutating)}",
    ]
    return "\n".join(lines) + "\n"


def _read(report: Path, question: Question) -> tuple[list[ExaminedOperation], int]:
    """The operations in the order of the alphabet, and how many requests were sent."""
    requests: dict[str, int] = {}
    broken: dict[str, dict[str, BrokenPromise]] = {}
    statuses: dict[str, set[int]] = defaultdict(set)
    without_null = next((False for each in _mappings(question.document) if _names_null(each)), True)
    for recorder in _recorders(report):
        operation = _text(recorder.get("label"))
        interactions = recorder.get("interactions") or {}
        requests[operation] = requests.get(operation, 0) + len(interactions)
        statuses[operation].update(_statuses(interactions))
        found = broken.setdefault(operation, {})
        unmeant = Unmeant(_described_by_fastapi(question.document, operation), without_null)
        for promise in _broken(recorder.get("checks") or {}, interactions, question, unmeant):
            found.setdefault(promise.check, promise)
    tested = [
        ExaminedOperation(name, count, tuple(broken[name].values()), frozenset(statuses[name]))
        for name, count in sorted(requests.items())
        if count
    ]
    return tested, sum(requests.values())


def _statuses(interactions: Event) -> Iterator[int]:
    for each in interactions.values():
        answer = each.get("response") if isinstance(each, dict) else None
        status = answer.get("status_code") if isinstance(answer, dict) else None
        if isinstance(status, int):
            yield status


def _recorders(report: Path) -> Iterator[Event]:
    """What each scenario recorded; a line that is cut, or not as expected, is left out."""
    with suppress(OSError), report.open(encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(LINE_LIMIT):
            with suppress(ValueError):
                event = json.loads(line)
                finished = event.get("ScenarioFinished") if isinstance(event, dict) else None
                if isinstance(finished, dict) and isinstance(finished.get("recorder"), dict):
                    yield finished["recorder"]


def _described_by_fastapi(document: Mapping[str, Any], operation: str) -> bool:
    """Whether it is FastAPI that describes the refusal: an author who raises 422 with a text has promised nothing."""
    method, _, path = operation.partition(" ")
    place: object = document
    for step in ("paths", path, method.lower(), "responses", str(REFUSAL), "content", "application/json", "schema"):
        place = place.get(step) if isinstance(place, dict) else None
    return place == {"$ref": REFUSED_BY_FASTAPI}


def _names_null(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "null" or schema.get("nullable") is True


@dataclass(frozen=True, slots=True)
class Unmeant:
    """What the description of an operation says though no author meant to."""

    refusals: bool
    """Its 422 is the one that FastAPI adds."""
    never_null: bool
    """No schema of the service allows null, as Pydantic 1 writes them all."""

    def covers(self, failure: Event, interaction: Event) -> bool:
        """Whether an answer breaks nothing else of its schema."""
        status = (interaction.get("response") or {}).get("status_code")
        null = str(failure.get("message") or "").startswith("null is not of type")
        return (self.refusals and status == REFUSAL) or (self.never_null and null)


def _broken(checks: Event, interactions: Event, question: Question, unmeant: Unmeant) -> Iterator[BrokenPromise]:
    for case, nodes in checks.items():
        for node in nodes:
            failure = (node.get("failure_info") or {}).get("failure") or {}
            if node.get("status") == "failure" and node.get("name") in CHECKS and case in interactions:
                if node["name"] == SERVER_ERROR and not _crashed(interactions[case]):
                    continue
                if node["name"] == SCHEMA_BROKEN and unmeant.covers(failure, interactions[case]):
                    continue
                title = _text(failure.get("title"))
                seen = _observation(_text(failure.get("message")) or title, interactions[case])
                sent = _sent(interactions[case].get("request") or {}, question.base_url)
                yield BrokenPromise(node["name"], title, _cleaned(seen, question), sent)


def _crashed(interaction: Event) -> bool:
    """FastAPI answers 500 for a handler that raised; 502, 503 and 504 are said on purpose, of something behind it."""
    return bool((interaction.get("response") or {}).get("status_code") == UNHANDLED)


def _sent(request: Event, base_url: str) -> Sent | None:
    """What Schemathesis has filtered or cannot be kept whole is not sent again."""
    method, url = _text(request.get("method")), str(request.get("uri") or "")
    content = _bytes(request.get("body"))
    if not url.startswith(f"{base_url}/") or len(url) > LONGEST or content is None or FILTERED in url:
        return None
    headers = [(str(name), str(value)) for name, values in (request.get("headers") or {}).items() for value in values]
    kept = tuple(each for each in headers if each[0].lower() not in NOT_KEPT and FILTERED not in each[1])
    printable = all(name.isascii() and value.isascii() and value.isprintable() for name, value in kept)
    return Sent(method, url.removeprefix(base_url), kept, content) if printable else None


def _bytes(content: object) -> bytes | None:
    """The body of a request; `None` when it cannot be kept whole."""
    encoded = content.get("$base64") if isinstance(content, dict) else content
    if not encoded:
        return b""
    if not isinstance(encoded, str) or len(encoded) > LONGEST:
        return None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _cleaned(seen: Observation, question: Question) -> Observation:
    """Schemathesis hides credentials by the names of headers; their values may stand anywhere."""
    texts = (seen.message, seen.request, seen.response, seen.reproduction)
    return Observation(seen.kind, *map(question.clean, texts))


def _observation(message: str, interaction: Event) -> Observation:
    request = interaction.get("request") or {}
    response = interaction.get("response") or {}
    method, url = _text(request.get("method")), _text(request.get("uri"))
    sent = [f"{method} {url}", *_headers(request)]
    if body := _body(request.get("body")):
        sent += ["", body]
    answered = [_text(response.get("status_code")), *_headers(response), "", _body(response.get("content"))]
    return Observation(
        EvidenceKind.LIVE, message, "\n".join(sent), "\n".join(answered), _curl(method, url, request, body)
    )


def _curl(method: str, url: str, request: Event, body: str) -> str:
    """A command to paste; a secret stands in it as Schemathesis filtered it."""
    headers = [part for header in _headers(request) for part in ("--header", header)]
    data = ["--data-raw", body] if body else []
    return shlex.join(["curl", "--request", method, *headers, *data, url])


def _headers(message: Event) -> list[str]:
    headers = message.get("headers") or {}
    return [f"{name}: {_text(value)}" for name, values in headers.items() for value in values]


def _body(content: object) -> str:
    encoded = content.get("$base64") if isinstance(content, dict) else content
    if not isinstance(encoded, str):
        return ""
    with suppress(binascii.Error, ValueError):
        return base64.b64decode(encoded[: SHOWN * 2]).decode("utf-8", "replace")[:SHOWN]
    return encoded[:SHOWN]


def _text(value: object) -> str:
    return "" if value is None else str(value)[:SHOWN]


def _reference_outside(document: Mapping[str, Any]) -> str:
    """The first `$ref` that leaves the document: following it would ask another host. Empty when there is none."""
    for each in _mappings(document):
        target = each.get("$ref")
        if isinstance(target, str) and not target.startswith("#"):
            return target
    return ""


def _mappings(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every object in it; one that cannot be searched whole ends in one with a reference that is followed nowhere."""
    left: list[object] = [document]
    for _ in range(REFERENCES):
        if not left:
            return
        match left.pop():
            case dict(mapping):
                yield mapping
                left.extend(mapping.values())
            case list(values):
                left.extend(values)
    yield {"$ref": "more than can be searched"}
