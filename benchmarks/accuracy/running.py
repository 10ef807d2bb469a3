"""`python -m benchmarks.accuracy.running [--fastapi VERSION] [NAME ...]`: the real applications, imported and asked."""

import argparse
import base64
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.accuracy.comparing import FRAMEWORK, Share
from benchmarks.accuracy.handlers import AUTOMATIC, WEBSOCKET, environment_of, fastapi_of, truth_of
from benchmarks.corpus import WITH_TRUTH, Application, default_cache
from benchmarks.report import replace_section
from fastapi_audit.evidence.app import Operation, RunningApp, Unavailable, inspect

FASTAPI_VERSIONS = ("0.116.2", "0.165.0")
INSTALL_SECONDS = 600
ASK_SECONDS = 400
"""Generous: the table is about what is told, and the machine may be busy."""
HEADS = ("application", "FastAPI", "routes told", "place", "dependencies", "middleware order", "seconds")
OUTSIDE = ".outside-its-bounds"
"""Marks an environment whose FastAPI the application's own requirements exclude."""
EXTRAS = {"dstack": "server", "litellm": "proxy"}
"""What an application must be installed with to be one."""
BOUNDS = {"lnbits": ("bitstring<5",)}
"""What an application needs and does not say."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Asks the applications that were named, all of them by default, on each version of FastAPI."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy.running", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--fastapi", action="append", metavar="VERSION", help="only this one; repeatable")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that the environments are made with")
    parser.add_argument("--environments", type=Path, default=default_cache() / "environments", metavar="DIR")
    parser.add_argument("--write", action="store_true", help="writes the table into benchmarks/README.md")
    asked = parser.parse_args(arguments)
    lines = [_line(HEADS), _line("---" for _ in HEADS)]
    for application in (each for each in WITH_TRUTH if not asked.names or each.name in asked.names):
        for version in asked.fastapi or sorted({*FASTAPI_VERSIONS, fastapi_of(application.name)}):
            python = _interpreter(application, version, asked.environments, asked.python)
            lines.append(_line(_row(application, version, python)))
            sys.stderr.write(f"{lines[-1]}\n")
    text = "\n".join(lines)
    sys.stdout.write(f"{text}\n")
    if asked.write:
        replace_section("running", text)


def _interpreter(application: Application, version: str, environments: Path, maker: str) -> Path | None:
    """An environment with the application; where its bounds exclude the FastAPI, that one is put in afterwards."""
    folder = environments / f"{application.name}-{version}"
    python = folder / "bin/python"
    wheels = [_with_extras(application, each) for each in application.wheels]
    wheels += BOUNDS.get(application.name, ())
    if not (folder / ".installed").is_file():
        _make(folder, maker)
        if not _install(python, [*wheels, f"fastapi=={version}"]):
            if not (_install(python, wheels) and _install(python, [f"fastapi=={version}"])):
                return None
            (folder / OUTSIDE).touch()
        (folder / ".installed").touch()
    return python


def _with_extras(application: Application, wheel: str) -> str:
    extra = EXTRAS.get(application.name)
    return wheel.replace("==", f"[{extra}]==") if extra else wheel


def _make(folder: Path, maker: str) -> None:
    if maker == sys.executable:
        venv.EnvBuilder(with_pip=False, symlinks=True, clear=True).create(folder)
    else:
        subprocess.run([maker, "-m", "venv", "--without-pip", "--clear", str(folder)], check=True)  # noqa: S603  asked for


def _install(python: Path, packages: list[str]) -> bool:
    uv = shutil.which("uv")
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(python), "install"]
    command = [uv, "pip", "install", "--quiet", "--python", str(python)] if uv else pip
    done = subprocess.run([*command, *packages], check=False, capture_output=True, timeout=INSTALL_SECONDS)  # noqa: S603  pinned names
    return done.returncode == 0


def _row(application: Application, version: str, python: Path | None) -> Iterator[str]:
    yield application.name
    outside = python is not None and (python.parent.parent / OUTSIDE).is_file()
    yield f"{version}, outside its bounds" if outside else version
    if python is None:
        yield "cannot be installed with it"
        return
    begun = time.perf_counter()
    answer = _ask(application.name, python)
    seconds = time.perf_counter() - begun
    if isinstance(answer, Unavailable):
        sys.stderr.write(f"{answer}\n")
        yield "could not be imported: " + (re.findall(r"\w+(?:Error|Exception)", answer.reason) or ["see above"])[0]
        return
    yield from _judged(application.name, answer)
    yield f"{seconds:.1f}"


def _ask(name: str, python: Path) -> RunningApp | Unavailable:
    """In an empty folder: the worker needs nothing but the environment."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        variables = environment_of(name)
        values = {key: _value(key, value, folder) for key, value in variables.items()}
        env_file = folder / "settings.env"
        env_file.write_text("".join(f"{key}={value}\n" for key, value in values.items()), encoding="utf-8")
        return inspect(truth_of(name).target, folder, python, env_file, ASK_SECONDS)


def _value(key: str, value: str, folder: Path) -> str:
    if value == "<fernet key>":
        return base64.urlsafe_b64encode(bytes(range(32))).decode()
    if value != "<writable dir>":
        return value
    writable = folder / key.lower()
    writable.mkdir()
    return f"sqlite:///{writable}/database.sqlite" if key.endswith("_URI") else str(writable)


def _judged(name: str, answer: RunningApp) -> Iterator[str]:
    truth = truth_of(name)
    operations = [each for each in answer.every_operation() if each.method not in AUTOMATIC]
    by_key = {(each.method, each.path): each for each in operations}
    own = [each for each in truth.handlers if each.method not in {*AUTOMATIC, WEBSOCKET}]
    pairs = [(each, by_key[(each.method, each.path)]) for each in own if (each.method, each.path) in by_key]
    yield str(Share(len(pairs), len(own)))
    written = [(true, told) for true, told in pairs if not true.file.startswith(FRAMEWORK)]
    yield str(_share((true.file.removeprefix("site-packages:"), true.line) == _place(told) for true, told in written))
    yield str(_share(true.stated_dependencies == told.dependencies for true, told in pairs))
    layers = [each.name.rpartition(":")[2].rpartition(".")[2] for each in answer.middleware]
    yield "right" if layers == [each.name for each in truth.middleware] else "another"


def _place(operation: Operation) -> tuple[str, int] | None:
    place = operation.place
    return (place.path.removeprefix("site-packages:"), place.line) if place else None


def _share(judgements: Iterable[bool]) -> Share:
    every = list(judgements)
    return Share(sum(every), len(every))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
