"""`fastapi-audit init`: a config, a pre-commit hook and a GitHub workflow for a project, where it has none."""

import json
import os
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from errno import EEXIST
from pathlib import Path
from typing import Annotated

import typer

from fastapi_audit import __version__
from fastapi_audit.cli import flags
from fastapi_audit.cli.settings import Target
from fastapi_audit.cli.streams import say
from fastapi_audit.config import OWN_FILES, TABLE, VCS, discover
from fastapi_audit.errors import UsageError
from fastapi_audit.replacing import replace_files

HOOKS = ".pre-commit-config.yaml"
WORKFLOW = ".github/workflows/fastapi-audit.yml"
SIZE_LIMIT = 1_000_000
"""Bytes of a file that is looked at."""


def init(
    path: flags.Folder = Path(),
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
) -> None:
    """Write a config, a pre-commit hook and a GitHub workflow; what is there is left alone."""
    start = Start.of(Target.of(path).root)
    for step in (start.config(), start.hook(), start.workflow()):
        if step.text and not dry_run:
            step.write(start.repository)
        say("".join(f"{line}\n" for line in step.told(start.repository, dry_run=dry_run)))
    say(
        "next: `fastapi-audit scan` shows what there is; `fastapi-audit baseline write` accepts it, so that only new "
        "findings count\n"
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One file, and what is added to it; without text it is left alone."""

    file: Path
    text: str = ""
    reason: str = ""
    by_hand: str = ""
    """What the user may add to the file."""

    def write(self, repository: Path) -> None:
        """Makes the file, or adds to its end; a link never leads out of the repository."""
        try:
            if not self.file.parent.resolve().is_relative_to(repository):
                message = f"{self.file}: its folder is a link out of the repository, so it was not written"
                raise UsageError(message)
            self.file.parent.mkdir(parents=True, exist_ok=True)
            replace_files({self.file: self._before() + self.text.encode()})
        except OSError as error:
            message = f"{self.file}: cannot be written: {error.strerror}"
            raise UsageError(message) from None

    def _before(self) -> bytes:
        if self.file.is_file():
            return self.file.read_bytes()
        if self.file.exists() or self.file.is_symlink():
            raise FileExistsError(EEXIST, os.strerror(EEXIST))
        return b""

    def told(self, repository: Path, *, dry_run: bool) -> Iterator[str]:
        """What was done, or would be."""
        shown = self.file.relative_to(repository).as_posix()
        if self.text:
            yield f"{'would write' if dry_run else 'wrote'}  {shown}{f': {self.reason}' if self.reason else ''}"
            return
        yield f"left alone  {shown}: {self.reason}"
        yield from (f"    {line}" for line in self.by_hand.splitlines())


@dataclass(frozen=True, slots=True)
class Start:
    """A project that is to be audited from now on."""

    root: Path
    repository: Path
    """The nearest folder with `.git` or the like, where hooks and workflows belong; without one, the project itself."""

    @classmethod
    def of(cls, root: Path) -> "Start":
        """`UsageError` for a folder whose name could not stand in a file of lines."""
        above = (place for place in (root, *root.parents) if any((place / name).exists() for name in VCS))
        repository = next(above, root)
        if not root.relative_to(repository).as_posix().isprintable():
            message = f"{root}: its name has characters that cannot be printed; rename it"
            raise UsageError(message)
        return cls(root, repository)

    @property
    def path(self) -> str:
        """The project as seen from the repository, for a shell."""
        return shlex.quote(self.root.relative_to(self.repository).as_posix())

    def config(self) -> Step:
        """A table of `pyproject.toml` where there is one, else a file of its own."""
        if present := discover(self.root):
            # It may belong to a folder above, inside the same repository.
            return Step(present, reason="it configures fastapi-audit already")
        text = starter("config.toml")
        project = self.root / "pyproject.toml"
        before = contents(project)
        if before is None or project.is_symlink():
            return Step(self.root / OWN_FILES[0], text)
        ending = "\r\n" if "\r\n" in before else "\n"
        gap = ending if before.endswith("\n") else 2 * ending
        table = gap + f"[tool.{TABLE}]\n{text}".replace("\n", ending)
        if not _sound(before + table):
            return Step(self.root / OWN_FILES[0], text, "pyproject.toml has no room for a table")
        return Step(project, table, f"a table [tool.{TABLE}] at its end")

    def hook(self) -> Step:
        """A file with one hook; a file that is there is the user's to edit."""
        file = self.repository / HOOKS
        scan = "fastapi-audit scan --output-format concise"
        # JSON is YAML, and quotes whatever the path holds.
        entry = json.dumps(scan if self.path == "." else f"{scan} {self.path}")
        text = starter("hook.yaml").replace("{entry}", entry).replace("{version}", __version__)
        if file.is_symlink() or file.exists():
            if "fastapi-audit" in (contents(file) or ""):
                return Step(file, reason="it speaks of fastapi-audit already")
            return Step(file, reason="add this below its `repos:`", by_hand=text)
        return Step(file, f"repos:\n{text}")

    def workflow(self) -> Step:
        """A workflow of its own, unless the project lives on GitLab."""
        file = self.repository / WORKFLOW
        if file.is_symlink() or file.exists():
            return Step(file, reason="it is there already")
        if (self.repository / ".gitlab-ci.yml").exists() and not (self.repository / ".github").exists():
            return Step(file, reason="it lives on GitLab, for which templates/fastapi-audit.yml is a component")
        text = starter("workflow.yml").replace("{version}", __version__)
        return Step(file, text.replace("{path}", self.path))


def starter(name: str) -> str:
    """One of the files that `init` writes, with its gaps."""
    return (Path(__file__).with_name("starters") / name).read_text("utf-8")


def contents(file: Path) -> str | None:
    """The text of a file, `None` where it is missing, long or not UTF-8."""
    try:
        with file.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
        return content.decode() if len(content) <= SIZE_LIMIT else None
    except (OSError, UnicodeDecodeError):
        return None


def _sound(text: str) -> bool:
    try:
        return TABLE in tomllib.loads(text.removeprefix("\ufeff"))["tool"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
