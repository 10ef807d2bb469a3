"""Decides what a server runs with: command line, then GUNICORN_CMD_ARGS, file, environment, default."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi_audit.evidence.deployment.gunicorn import GunicornConfig
from fastapi_audit.evidence.deployment.launching import Launch
from fastapi_audit.evidence.deployment.server_command import BIND, DecidedBy, Setting, Variable
from fastapi_audit.evidence.deployment.server_programs import (
    DIALECTS,
    GUNICORN_SETTINGS,
    Arguments,
    Dialect,
    Program,
    read_arguments,
)
from fastapi_audit.evidence.deployment.shell import split
from fastapi_audit.evidence.deployment.text import Text
from fastapi_audit.evidence.deployment.variables import Filled, fill

BOUND = frozenset({Program.GUNICORN, Program.HYPERCORN})
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104  what gunicorn binds to when PORT is set; nothing listens here

RUNNING = re.compile(r"`|\$[\w@*#?!({]")
"""Command substitution, `$1`, `$@`: known only while the shell runs."""

Settings = dict[str, Setting]


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome for one command."""

    settings: Settings
    open_ended: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command runs in."""

    environment: Mapping[str, Variable]
    shell_variables: Mapping[str, Variable]
    """The environment, and what the shells on the way set for themselves."""
    config: GunicornConfig | None
    config_hidden: bool
    """Whether a configuration file counts that cannot be found or cannot be told to count."""


def settle(launch: Launch, around: Surroundings) -> Settled:
    """Every setting with what decided it; settings that nobody can know are marked so."""
    dialect = DIALECTS[launch.program]
    arguments = read_arguments(dialect, launch.words[1:])
    layers = [_given(arguments, around.shell_variables, DecidedBy.CLI)]
    open_ended = arguments.open_ended
    hidden = around.config_hidden
    if launch.program is Program.GUNICORN:
        variable = around.environment.get("GUNICORN_CMD_ARGS")
        if variable and variable.text and variable.value is not None:
            further = read_arguments(dialect, split(variable.text))
            layers.append(_given(further, around.environment, DecidedBy.GUNICORN_CMD_ARGS))
        open_ended = open_ended or bool(variable and variable.value is None)
        if around.config:
            layers.append(_configured(around.config, around.environment))
    elif launch.program is Program.HYPERCORN:
        hidden = "config" in arguments.given
    layers.extend((_from_environment(launch.program, dialect, around.environment), _target(arguments)))
    settings = _merged(layers, dialect, known=not open_ended and not hidden)
    if launch.program in BOUND:
        settings |= _bound(settings["bind"])
    return Settled(settings, open_ended or hidden)


def filled(value: str, variables: Mapping[str, Variable]) -> Filled:
    """Fills variables in; a value that comes from an uncertain one is uncertain."""
    used = [variables[name] for name in re.findall(r"\$\{?(\w+)", value) if name in variables]
    answer = fill(value, {variable.name: variable.value for variable in used if variable.value is not None})
    return Filled(answer.value, answer.certain and all(variable.certain for variable in used))


def _given(arguments: Arguments, variables: Mapping[str, Variable], decided: DecidedBy) -> Settings:
    found: Settings = {}
    for name, given in arguments.given.items():
        answer = filled(given.value, variables)
        hidden = answer.value is None or bool(RUNNING.search(answer.value))
        value = None if hidden else answer.value
        found[name] = Setting(name, value, decided, given.text, given.option, not hidden, answer.certain)
    return found


def _target(arguments: Arguments) -> Settings:
    if not arguments.positional:
        return {}
    text = arguments.positional[0]
    known = "$" not in text.value
    return {"target": Setting("target", text.value if known else None, DecidedBy.CLI, text, known=known)}


def _configured(config: GunicornConfig, environment: Mapping[str, Variable]) -> Settings:
    found: Settings = {}
    for name, setting in GUNICORN_SETTINGS.items():
        value = config.values.get(name)
        if value is None:
            continue
        variable = environment.get(value.variable) if value.variable else None
        given = variable.value if variable else value.value
        certain = value.variable is None
        decided = DecidedBy.CONFIG_FILE
        found[setting] = Setting(setting, given, decided, value.text, known=given is not None, certain=certain)
    return found


def _from_environment(program: Program, dialect: Dialect, environment: Mapping[str, Variable]) -> Settings:
    found: Settings = {}
    for setting, names in dialect.variables.items():
        variable = next((environment[name] for name in names if name in environment), None)
        if variable is None:
            continue
        value = variable.value
        if program is Program.GUNICORN and setting == "bind" and value is not None:
            value = f"{ALL_ADDRESSES}:{value}"
        known, decided = variable.value is not None, DecidedBy.ENVIRONMENT
        found[setting] = Setting(setting, value, decided, variable.text, known=known, certain=variable.certain)
    return found


def _merged(layers: list[Settings], dialect: Dialect, *, known: bool) -> Settings:
    merged: Settings = {}
    for layer in layers:
        for name, setting in layer.items():
            merged.setdefault(name, setting)
    for name, value in dialect.defaults.items():
        decided = DecidedBy.DEFAULT if known else DecidedBy.UNKNOWN
        merged.setdefault(name, Setting(name, value if known else None, decided, known=known))
    return merged


def _bound(bind: Setting) -> Settings:
    """Host, port and socket out of `--bind`; of several addresses the first."""
    first = (bind.value or "").split(",")[0].strip()
    parts: dict[str, str | None] = {"host": None, "port": None, "uds": None}
    if first.startswith("unix:"):
        parts["uds"] = first.removeprefix("unix:")
    elif found := BIND.match(first):
        parts |= {"host": found["host"] or ALL_ADDRESSES, "port": found["port"]}
    elif first:
        parts |= {"host": first, "port": "8000"}
    return {
        name: Setting(name, value, bind.decided_by, bind.text, bind.option, bind.known, bind.certain)
        for name, value in parts.items()
    }


KEYWORDS = {
    "timeout_graceful_shutdown": "graceful_timeout",
    "timeout_keep_alive": "keep_alive",
    "limit_max_requests": "max_requests",
}
"""Arguments of `uvicorn.run` that are called otherwise here."""


def settle_call(keywords: Mapping[str, tuple[str | None, Text]]) -> dict[str, Setting]:
    """The settings of `uvicorn.run(…)`: argument → value as text (`None` when unknown) and where it stands."""
    given = {
        KEYWORDS.get(name, name): Setting(KEYWORDS.get(name, name), value, DecidedBy.CLI, text, known=value is not None)
        for name, (value, text) in keywords.items()
    }
    return _merged([given], DIALECTS[Program.UVICORN], known=True)
