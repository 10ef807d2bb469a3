"""What a command finds where it runs: its variables, and the files of the project behind a container's paths."""

import posixpath
from collections import ChainMap
from collections.abc import Mapping

from fastapi_audit.evidence.deployment.command_line import EnvVar
from fastapi_audit.evidence.deployment.server_command import Variable
from fastapi_audit.evidence.deployment.settling import RUNNING, filled
from fastapi_audit.evidence.deployment.shell import Assignment


def environment_of(
    variables: tuple[EnvVar, ...], outside: Mapping[str, Variable], *, certain: bool
) -> dict[str, Variable]:
    """What a list of variables comes to; build arguments are none of them, but their values may use those."""
    known: dict[str, Variable] = {}
    arguments: dict[str, Variable] = {}
    usable = ChainMap(known, arguments, dict(outside))
    for variable in variables:
        if variable.build_time:
            default = filled(variable.value.value, usable).value if variable.value else None
            arguments[variable.name] = Variable(variable.name, default, certain=False, text=variable.text)
            continue
        if variable.value is None:
            passed = outside.get(variable.name)
            known[variable.name] = Variable(
                variable.name, passed.value if passed else None, certain=False, text=variable.text
            )
            continue
        answer = filled(variable.value.value, usable)
        known[variable.name] = Variable(variable.name, answer.value, certain and answer.certain, variable.value)
    return known


def assigned(
    assignments: tuple[Assignment, ...], environment: Mapping[str, Variable]
) -> tuple[dict[str, Variable], dict[str, Variable]]:
    """What the shells on the way can use, and what of it the server gets."""
    usable, exported = dict(environment), dict(environment)
    for assignment in assignments:
        written = assignment.value.value
        answer = filled(written, usable)
        value = None if RUNNING.search(answer.value or "") else answer.value
        usable[assignment.name] = Variable(assignment.name, value, answer.certain, assignment.value)
        if assignment.exported or assignment.name in exported:
            exported[assignment.name] = usable[assignment.name]
    return usable, exported


def nearest(wanted: str, paths: tuple[str, ...], folder: str) -> str | None:
    """The file that a container's path means: the one with the longest common tail, if only one has it."""
    parts = [part for part in wanted.split("/") if part not in {"", "."}]
    direct = posixpath.normpath(posixpath.join(folder, wanted)) if not wanted.startswith("/") else ""
    if direct in paths:
        return direct
    scores: dict[str, int] = {}
    for path in paths:
        tail = path.split("/")
        score = 0
        while score < min(len(parts), len(tail)) and parts[-1 - score] == tail[-1 - score]:
            score += 1
        if score:
            near = path.startswith(f"{folder}/") or not folder
            scores[path] = score * 2 + near
    best = max(scores.values(), default=0)
    winners = [path for path, score in scores.items() if score == best]
    return winners[0] if len(winners) == 1 else None
