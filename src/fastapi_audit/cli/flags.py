"""The flags that several commands share, each said once."""

from pathlib import Path
from typing import Annotated

import typer

from fastapi_audit.cli.output import FORMATS_HELP
from fastapi_audit.cli.settings import FOLDER
from fastapi_audit.evidence.app import DEFAULT_TIMEOUT_SECONDS
from fastapi_audit.model import Confidence, Severity

Folder = Annotated[Path, typer.Argument(readable=False, help=FOLDER)]

Select = Annotated[list[str] | None, typer.Option(metavar="NAMES", help="Only these rules or items (name or number).")]
Ignore = Annotated[
    list[str] | None, typer.Option(metavar="NAMES", help="Hide these rules or items; adds to the config.")
]
Exclude = Annotated[
    list[str] | None, typer.Option(metavar="PATTERN", help="Leave out files, as in .gitignore; repeatable.")
]
Statistics = Annotated[bool, typer.Option("--statistics", help="Print findings per rule only.")]
OutputFormat = Annotated[str, typer.Option(metavar="FORMAT", help=FORMATS_HELP)]
OutputFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report here, not to stdout.")]
Report = Annotated[list[str] | None, typer.Option(metavar="FORMAT=PATH", help="One more report; repeatable.")]
Compare = Annotated[
    Path | None, typer.Option(metavar="FILE", help="An earlier JSON scorecard: say what has changed since.")
]
FailOn = Annotated[Severity | None, typer.Option(help="Exit 1 from this severity on [high].")]
FailUnder = Annotated[float | None, typer.Option(metavar="SCORE", help="Exit 1 below this score.")]
FailOnNew = Annotated[bool, typer.Option("--fail-on-new", help="Exit 1 for any finding that the baseline lacks.")]
BaselineFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Accepted findings, as `baseline write` wrote them.")
]
ShowSuppressed = Annotated[
    bool, typer.Option("--show-suppressed", help="SARIF: list suppressed findings too, marked as such.")
]
MinConfidence = Annotated[Confidence | None, typer.Option(help="Hide what is less sure [medium].")]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit 0 in spite of findings.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Read every file anew.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="This config file, no other.")]
Isolated = Annotated[bool, typer.Option("--isolated", help="No config file.")]

App = Annotated[str | None, typer.Option(metavar="MODULE:ATTR", help="Start this application, on a loopback port.")]
Url = Annotated[str | None, typer.Option(metavar="URL", help="Or: the service that is running there.")]
Python = Annotated[Path | None, typer.Option(help="With --app: its interpreter [the project's .venv].")]
EnvFile = Annotated[Path | None, typer.Option(help="With --app: its environment variables.")]
Factory = Annotated[bool, typer.Option("--factory", help="With --app: ATTR is a function that makes it.")]
Workers = Annotated[int, typer.Option(min=1, max=32, help="With --app: processes.")]
Timeout = Annotated[float, typer.Option(min=1, help="With --app: seconds for its import.")]
TIMEOUT = DEFAULT_TIMEOUT_SECONDS

AllowHost = Annotated[
    list[str] | None, typer.Option(metavar="HOST", help="A machine that may be probed beside this one; repeatable.")
]
Mutating = Annotated[bool, typer.Option("--mutating", help="Send other methods than GET, HEAD and OPTIONS too.")]
Intrusive = Annotated[
    bool, typer.Option("--intrusive", help="Send bursts and broken requests to a service that was not started here.")
]
MaxTime = Annotated[
    float | None, typer.Option(metavar="SECONDS", min=1, help="For the whole probe, the start of --app included [60].")
]
MaxRequests = Annotated[int | None, typer.Option(metavar="N", min=1, help="For the whole probe [5000].")]
HeaderFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="`Name: value` lines to send, such as credentials; never shown.")
]
SecondHeaderFile = Annotated[Path | None, typer.Option(metavar="FILE", help="The same of another user.")]
MetricsHeaderFile = Annotated[Path | None, typer.Option(metavar="FILE", help="The same of who reads `/metrics`.")]
P95Target = Annotated[str | None, typer.Option(metavar="TIME", help="Largest P95 that passes [200ms].")]
ErrorTarget = Annotated[str | None, typer.Option(metavar="SHARE", help="Largest error rate that passes [0.1%].")]
Engine = Annotated[str, typer.Option(metavar="ENGINE", help="What makes the measured load: built-in or locust.")]
LocustWorkers = Annotated[int | None, typer.Option(min=1, max=64, help="With --engine locust: its processes [1].")]
LocustListen = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Where Locust's master waits for its workers, started on other machines."),
]
ExportLocustfile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Writes the load as a locustfile, without credentials.")
]
