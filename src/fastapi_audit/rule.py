"""How a rule is written: one `Rule` per module, documented by that module's docstring."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Protocol, TypeVar, get_type_hints, overload

from fastapi_audit.checklist import BY_PACKAGE
from fastapi_audit.evidence import SUBJECTS, Project
from fastapi_audit.model import (
    Confidence,
    Edit,
    EvidenceKind,
    Finding,
    Fix,
    Location,
    Observation,
    Refutation,
    Severity,
    Step,
    Undecided,
)

__all__ = [
    "MARK",
    "Bad",
    "Check",
    "Confidence",
    "Edit",
    "Finding",
    "Fix",
    "Good",
    "Location",
    "Observation",
    "Proof",
    "Refutation",
    "Reply",
    "Rule",
    "Served",
    "Severity",
    "Step",
    "Undecided",
]

MARK = "# finding"
"""At the end of a line of an example, or alone on the line before it: this line is reported."""

ENTRY = "main.py"
"""The file that a one-file example is saved as; its application is `app`."""

HEADER_FILES = ("headers.txt", "second-headers.txt")
"""Files of an example that a probe of it sends as its first and its second user."""

Detector = TypeVar("Detector", bound=Callable[..., Iterator[Finding | Refutation | Undecided]])
ProofFunction = TypeVar("ProofFunction", bound=Callable[..., None])


@dataclass(frozen=True, slots=True)
class Example:
    """A small project: one string is its `main.py`, a mapping is path → text."""

    code: str | Mapping[str, str]

    @property
    def files(self) -> dict[str, str]:
        """Path → text, ready to be written."""
        return _files(self.code)


@dataclass(frozen=True, slots=True)
class Bad(Example):
    """A small project that the rule must report, on exactly the lines that carry the mark."""

    fixed: str | Mapping[str, str] | None = None
    """The same project after the fix; given exactly when the rule has one."""
    live: bool = True
    """Whether a live check of the rule finds it too, when it is served; not when only its files show it."""

    @property
    def fixed_files(self) -> dict[str, str]:
        """Path → text after the fix."""
        return _files(self.fixed or {})


@dataclass(frozen=True, slots=True)
class Good(Example):
    """A small project that the rule must stay silent about; the one that matters is the near miss."""

    live: bool = True
    """Whether it can be served alone, for a live check of the rule; not when a proxy or a variable is part of it."""
    decided: bool = True
    """Whether its live check can tell, when it is served, that it is good: it may be too small to show anything."""


def _files(code: str | Mapping[str, str]) -> dict[str, str]:
    named = {ENTRY: code} if isinstance(code, str) else code
    return {path: cleandoc(text) + "\n" for path, text in named.items()}


class Reply(Protocol):
    """What the served example answered."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]:
        """Looked up without regard to case."""

    @property
    def content(self) -> bytes: ...
    @property
    def text(self) -> str: ...
    @property
    def seconds(self) -> float:
        """From sending to the last byte."""

    @property
    def first_byte_seconds(self) -> float:
        """From sending to the first byte of the body; `nan` when there is none."""

    @property
    def complete(self) -> bool:
        """Whether the whole body came; not when the server broke off, nor when we left."""

    def json(self) -> object: ...


class Socket(Protocol):
    """A WebSocket to the served example."""

    @property
    def code(self) -> int | None:
        """The close code, `None` while it is open."""

    def send(self, text: str | bytes) -> None:
        """Raises `ConnectionError` when the server has closed it."""

    def receive(self, timeout: float = 5) -> str | bytes:
        """Raises `TimeoutError`, or `ConnectionError` when the server has closed it."""

    def close(self) -> None: ...

    def drop(self) -> None:
        """Breaks the TCP connection off, without a closing handshake."""


class Served(Protocol):
    """A bad example under a real uvicorn, in a process of its own; what a proof looks at.

    The application is `app` in `main.py`. Redirects are not followed. Each request has a connection of its own.
    A request without an answer raises `TimeoutError` or `ConnectionError`; all of them need a server that started.
    """

    @property
    def started(self) -> bool:
        """Whether the server came up; a crash at import leaves it down and the traceback in `log`."""

    @property
    def log(self) -> str:
        """Everything that the server has printed so far."""

    @property
    def peak_memory(self) -> int:
        """Bytes that the server process has held at most so far."""

    def get(self, path: str, **options: object) -> Reply:
        """One GET; options are httpx's: `headers`, `params`, `timeout`."""

    def post(self, path: str, **options: object) -> Reply:
        """One POST; options are httpx's: `headers`, `params`, `json`, `content`, `files`, `timeout`."""

    def request(self, method: str, path: str, **options: object) -> Reply:
        """One request of any method; options as for `post`."""

    def stream_then_disconnect(self, path: str, **options: object) -> Reply:
        """One GET that leaves after the first chunk of the body."""

    def together(self, *requests: tuple[str, str]) -> Sequence[Reply]:
        """Several (method, path) at once, started in this order 50 ms apart; replies in the same order."""

    def each_worker(self) -> Iterator[int]:
        """The process id of each worker, all of them up; what is sent meanwhile is answered by that one alone."""

    def websocket(self, path: str, headers: Mapping[str, str] | None = None) -> Socket:
        """Opens a WebSocket; raises `OSError` when the handshake is refused."""

    def run(self, code: str) -> str:
        """Runs Python beside the example's files (`from main import app` works) ; what it printed, errors too."""

    def stop(self, timeout: float = 10) -> float:
        """Sends SIGTERM; seconds until the server was gone, `inf` when it had to be killed."""


@dataclass(frozen=True, slots=True)
class Check:
    """One detector: the type of its first parameter says what it is called with."""

    subject: type
    run: Callable[..., Iterator[Finding | Refutation | Undecided]]
    of: tuple[str, ...] = ()
    """Dotted names; a check of `Call` sees only calls to these (`requests.*` takes all below).

    For `Ground` they are contexts."""
    wants_project: bool = False
    every: bool = False
    """Whether one subject that is not decided leaves the rule without a pass; else those that are decided make it."""

    @property
    def evidence(self) -> EvidenceKind:
        """The kind of evidence that the subject comes from."""
        return SUBJECTS[self.subject]


@dataclass(frozen=True, slots=True)
class Proof:
    """The claim itself, shown on the first bad example under a real FastAPI."""

    run: Callable[[Served], None]
    options: tuple[str, ...] = ()
    """Further uvicorn options, such as `--workers`, `2`."""
    needs: tuple[str, ...] = ()
    """Distributions that the example imports, beyond FastAPI and uvicorn."""


@dataclass(slots=True)
class Rule:
    """One claim about a FastAPI service, with its documentation, examples, detectors and proof."""

    module: str
    doc: str | None
    severity: Severity
    examples: Sequence[Bad | Good]
    confidence: Confidence = Confidence.HIGH
    references: Sequence[str] = ()
    cwe: str | None = None
    applies_to: str | None = None
    """A version range of one framework, such as `fastapi>=0.137`."""
    unproven: str | None = None
    """Why the claim has no proof here: it needs a service, a container or a browser, or is a policy."""
    file: str | None = None
    """The YAML file, with its line, of a rule that the project's team wrote; `None` for one written in Python."""
    has_fix: bool = False
    """Whether it repairs although no example shows it."""
    checks: list[Check] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The one name: file, report, suppression and page."""
        return self.module.rpartition(".")[2].replace("_", "-")

    @property
    def package(self) -> str:
        """The package of the item, such as `typed_async_api`."""
        return self.module.split(".")[-2]

    @property
    def item(self) -> int:
        """The number of the checklist item."""
        return BY_PACKAGE[self.package].number

    @property
    def origin(self) -> str:
        """Who wrote it: `fastapi-audit`, `project` for the team's own, else the package that it is installed with."""
        package = self.module.partition(".")[0]
        return "project" if self.file else {"fastapi_audit": "fastapi-audit"}.get(package, package)

    @property
    def title(self) -> str:
        """The first line of the docstring."""
        return cleandoc(self.doc or "").partition("\n")[0]

    @property
    def rationale(self) -> str:
        """The docstring without its title, Markdown."""
        return cleandoc(self.doc or "").partition("\n")[2].strip()

    @property
    def bad(self) -> list[Bad]:
        """The examples that must be reported."""
        return [e for e in self.examples if isinstance(e, Bad)]

    @property
    def good(self) -> list[Good]:
        """The examples that must not be reported."""
        return [e for e in self.examples if isinstance(e, Good)]

    @property
    def fixable(self) -> bool:
        """Whether a bad example shows a fix, or the rule says that it has one."""
        return self.has_fix or any(e.fixed is not None for e in self.bad)

    @property
    def nouns(self) -> tuple[type, ...]:
        """The live subjects that its checks ask for."""
        return tuple(dict.fromkeys(each.subject for each in self.checks if each.evidence is EvidenceKind.LIVE))

    @property
    def evidence(self) -> tuple[EvidenceKind, ...]:
        """The kinds of evidence that its checks look at, in the order of the enum."""
        kinds = {check.evidence for check in self.checks}
        return tuple(kind for kind in EvidenceKind if kind in kinds)

    @overload
    def check(self, detector: Detector) -> Detector: ...
    @overload
    def check(self, *, of: Iterable[str] = (), every: bool = False) -> Callable[[Detector], Detector]: ...
    def check(
        self, detector: Detector | None = None, *, of: Iterable[str] = (), every: bool = False
    ) -> Callable[[Detector], Detector] | Detector:
        """Registers a detector: the first parameter's type is its subject; a second one, `Project`, sees everything."""

        def register(detector: Detector) -> Detector:
            hints = get_type_hints(detector)
            hints.pop("return", None)
            subject, *rest = hints.values()
            if subject not in SUBJECTS or rest not in ([], [Project]):
                message = f"{self.module}: a check takes one subject of fastapi_audit.evidence, then at most a Project"
                raise TypeError(message)
            self.checks.append(Check(subject, detector, tuple(of), bool(rest), every))
            return detector

        return register if detector is None else register(detector)

    @overload
    def proof(self, function: ProofFunction) -> ProofFunction: ...
    @overload
    def proof(
        self, *, options: Iterable[str] = (), needs: Iterable[str] = ()
    ) -> Callable[[ProofFunction], ProofFunction]: ...
    def proof(
        self, function: ProofFunction | None = None, *, options: Iterable[str] = (), needs: Iterable[str] = ()
    ) -> Callable[[ProofFunction], ProofFunction] | ProofFunction:
        """Registers the function that shows the claim on the first bad example."""

        def register(function: ProofFunction) -> ProofFunction:
            self.proofs.append(Proof(function, tuple(options), tuple(needs)))
            return function

        return register if function is None else register(function)
