"""One probe from start to end: the service is reached, the experiments are made one after the other, and it is left."""

import asyncio
import re
import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

from fastapi_audit.errors import IncompleteError
from fastapi_audit.evidence.live import Live, Progress
from fastapi_audit.evidence.live.budget import Budget, BudgetSpent
from fastapi_audit.evidence.live.client import Client, connected
from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.experiments.exported_metrics import ExportedMetrics
from fastapi_audit.evidence.live.experiments.measured_latency import MeasuredLatency
from fastapi_audit.evidence.live.launch import Launch, Server
from fastapi_audit.evidence.live.loading import exported, loaded
from fastapi_audit.evidence.live.operations import SCHEMA_LIMIT, from_the_root, read_operations
from fastapi_audit.evidence.live.permission import Address, permitted
from fastapi_audit.evidence.live.probing import Probing
from fastapi_audit.evidence.live.session import NO_OPERATIONS, Experiment, NotPossible, Session
from fastapi_audit.evidence.live.starting import description_of, started

SHOWN_WHEN_STARTED = "http://127.0.0.1:8000"
MOST_SUBJECTS = 2_000
"""Of one noun; an experiment on a hostile service may see any number."""
SCHEMA_IN_PAGE = re.compile(r"""(?:url:\s*|spec-url=)["'](/(?!/)[^"'\s?#]{0,200})["']""")
INTERRUPTED = "the probe was interrupted"
MESSAGE = 200
FIRST_CONTACT = 2
"""Times the patience for a request: FastAPI makes the description when it is first asked for it."""
ELSEWHERE = ("/api/openapi.json", "/api/v1/openapi.json", "/v1/openapi.json", "/api", "/api/v1")
"""Where else services describe themselves."""


@dataclass(slots=True)
class Gathered:
    """What is known so far; kept apart from the task that gathers it, so that an interruption loses nothing."""

    subjects: dict[type, list[object]] = field(default_factory=dict)
    not_run: dict[type, str] = field(default_factory=dict)
    crashed: dict[type, str] = field(default_factory=dict)
    session: Session | None = None
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Conductor:
    """Makes the experiments and writes down what they yield."""

    probing: Probing
    experiments: Sequence[Experiment]
    progress: Progress
    gathered: Gathered
    budget: Budget

    async def conduct(self, address: Address, server: Server | None, launch: Launch | None) -> None:
        """Reaches the service, then makes every experiment that is permitted."""
        async with connected() as http:
            shown = SHOWN_WHEN_STARTED if server else address.url
            folders = _folders(launch) if launch else ()
            client = Client(address, self.probing.permissions, self.budget, http, shown, self.probing.secrets, folders)
            session = self.gathered.session = Session(self.probing, client, server=server, launch=launch)
            self._tell("reading the description of the service")
            await self._describe(session)
            for experiment in self.experiments:
                await self._make(experiment, session)

    async def _describe(self, session: Session) -> None:
        """The operations; the first contact too, so that a service that does not answer ends the probe here."""
        patience = FIRST_CONTACT * self.probing.limits.request_s
        answer = await session.exchange("GET", self.probing.schema, body_limit=SCHEMA_LIMIT, timeout_s=patience)
        if not answer.answered:
            message = f"{session.client.shown_at} gives no answer: {answer.failure}{_printed(session.server)}"
            raise IncompleteError(message)
        # A page for every path that is not known is common beside an API: it is no description, whatever its status.
        body = _description(answer) or await self._found(session)
        # An application of the user's own may keep its description from the wire, as production should.
        if not body and session.launch and not (answer.ok and _readable(answer)):
            body = await asyncio.to_thread(description_of, session.launch, self.budget.seconds_left)
        body = body or (answer.body if answer.ok else b"")
        described = read_operations(body, self.probing.named) if body else answer.failure or f"{answer.status}"
        if isinstance(described, str):
            hint = "if it is another path, name it as `openapi` under [tool.fastapi-audit.probe]"
            session.no_operations = f"{self.probing.schema} does not describe the operations: {described}; {hint}"
            return
        session.operations, session.description = described, body

    async def _found(self, session: Session) -> bytes:
        """The description where the documentation page says, or where services have it that are below a prefix."""
        named = [SCHEMA_IN_PAGE.search((await session.get(page)).text) for page in ("/docs", "/redoc")]
        for path in dict.fromkeys((*(each[1] for each in named if each), *ELSEWHERE)):
            answer = await session.exchange("GET", path, body_limit=SCHEMA_LIMIT)
            if body := _description(answer):
                session.probing = replace(session.probing, schema=path)
                return body
        return b""

    async def _make(self, experiment: Experiment, session: Session) -> None:
        noun = experiment.noun
        reason = self._hindrance(experiment, session)
        if reason:
            self.gathered.not_run[noun] = reason
            return
        self._tell(experiment.name)
        seen = self.gathered.subjects.setdefault(noun, [])
        # Until it is through, nothing is known for certain, whoever interrupts it.
        self.gathered.not_run[noun] = INTERRUPTED
        try:
            await self._observe(experiment, session, seen)
        except NotPossible as reason_given:
            self.gathered.not_run[noun] = str(reason_given)
        except BudgetSpent as spent:
            self.gathered.not_run[noun] = self.gathered.ended = str(spent)
        # One bad experiment must not cost the user the others.
        except Exception as error:  # noqa: BLE001
            self.gathered.crashed[noun] = _crash(error)
            del self.gathered.not_run[noun]
        else:
            del self.gathered.not_run[noun]

    async def _observe(self, experiment: Experiment, session: Session, seen: list[object]) -> None:
        try:
            async with asyncio.timeout(self.budget.seconds_left):
                async for subject in experiment.observe(session):
                    seen.append(subject)
                    self._tell(experiment.name)
                    if len(seen) >= MOST_SUBJECTS:
                        return
        except TimeoutError:
            raise BudgetSpent(self.budget.spent or "an experiment waited too long") from None

    def _hindrance(self, experiment: Experiment, session: Session) -> str:
        """Why an experiment is not made; empty when it is."""
        permissions = self.probing.permissions
        if self.budget.spent:
            self.gathered.ended = self.budget.spent
            return self.budget.spent
        if experiment.mutating and not permissions.mutating:
            return "it would send methods that change something; allow it with --mutating"
        if experiment.intrusive and not permissions.intrusive and session.server is None:
            return "it would disturb the service; allow it with --intrusive, or let the probe start its own with --app"
        if experiment.needs_launch and session.server is None:
            return "it needs the log and the signals of a server that the probe starts itself: use --app"
        if experiment.needs_second and not self.probing.second.headers:
            return "it needs another user: give the credentials with --second-header-file"
        if experiment.needs_operations and not session.operations:
            return session.no_operations or NO_OPERATIONS
        if experiment.needs_operations and not any(True for _ in session.safe_operations):
            return "no operation may be called: name one with valid arguments in the configuration"
        return ""

    def _tell(self, what: str) -> None:
        self.progress(what, self.budget.requests, self.budget.seconds_left)


def conduct(probing: Probing, experiments: Sequence[Experiment], progress: Progress | None) -> Live:
    """The whole probe; see `probe`."""
    address = permitted(probing.url, probing.permissions.hosts) if probing.start is None else None
    gathered = Gathered()
    conductor = Conductor(probing, experiments, progress or _silent, gathered, Budget(probing.limits))
    with _ending_on_signals():
        try:
            with started(probing.start, conductor.budget.seconds_left) if probing.start else nullcontext() as running:
                server, launch = running or (None, None)
                target = address or permitted(server.url if server else "")
                if server:
                    conductor.budget.started()
                asyncio.run(conductor.conduct(target, server, launch))
        except KeyboardInterrupt:
            gathered.ended = INTERRUPTED
        except BudgetSpent as spent:
            gathered.ended = str(spent)
    return _live(conductor, address)


def _live(conductor: Conductor, address: Address | None) -> Live:
    gathered, session = conductor.gathered, conductor.gathered.session
    begun = {*gathered.subjects, *gathered.not_run, *gathered.crashed}
    for experiment in conductor.experiments:
        if experiment.noun not in begun:
            gathered.not_run[experiment.noun] = gathered.ended or INTERRUPTED
    return Live(
        address.url if address else SHOWN_WHEN_STARTED,
        {noun: tuple(seen) for noun, seen in gathered.subjects.items()},
        gathered.not_run,
        gathered.crashed,
        session.extents if session else {},
        session.operations if session else (),
        session.no_operations if session else gathered.ended,
        conductor.budget.requests,
        tuple(each.row for each in gathered.subjects.get(MeasuredLatency, ()) if isinstance(each, MeasuredLatency)),
        loaded(session) if session and session.sampling else None,
        next((each for each in gathered.subjects.get(ExportedMetrics, ()) if isinstance(each, ExportedMetrics)), None),
        exported(session) if session and any(True for _ in session.safe_operations) else "",
        ended=gathered.ended,
        interrupted=gathered.ended == INTERRUPTED,
    )


def _description(answer: Exchange) -> bytes:
    """What it describes, with the paths as the service has them; empty when that is nothing."""
    # An application that only mounts others describes itself, and nothing.
    told = answer.ok and _readable(answer) and read_operations(answer.body, {})
    return from_the_root(answer.body, answer.path) if told else b""


def _readable(answer: Exchange) -> bool:
    return not isinstance(read_operations(answer.body, {}), str)


def _folders(launch: Launch) -> tuple[str, ...]:
    """The application's, and its environment's."""
    home = Path(launch.python).parent.parent
    return tuple(dict.fromkeys(str(each) for each in (launch.folder, launch.folder.resolve(), home, home.resolve())))


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """SIGTERM ends the probe as Ctrl-C does, so that no server is left behind; a shell's `&` ignores SIGINT."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signature is the interpreter's
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # only the main thread hears signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _silent(_what: str, _requests: int, _seconds_left: float) -> None:
    """Nobody watches."""


def _printed(server: Server | None) -> str:
    lines = [line for line in server.log.splitlines() if line.strip()] if server else []
    return f"; the server's last line: {lines[-1][:MESSAGE]}" if lines else ""


def _crash(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = "/".join(frame.filename.replace("\\", "/").split("/")[-2:])
    return f"{type(error).__name__}: {' '.join(str(error).split())[:MESSAGE]} ({place}:{frame.lineno})"
