"""What the flags say, over what the config file says, over the defaults."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fastapi_audit import checks
from fastapi_audit.baselining import DEFAULT, Baseline
from fastapi_audit.baselining import read as read_baseline
from fastapi_audit.config import Settings, deciding_files, discover, load
from fastapi_audit.errors import ConfigError, TargetError, UsageError
from fastapi_audit.rule import Rule

FOLDER = "Folder of the project; a file stands for its folder."


@dataclass(frozen=True, slots=True)
class Target:
    """The directory to audit, and how the user called it."""

    root: Path
    shown: str

    @classmethod
    def of(cls, path: Path) -> "Target":
        """The path itself, or the folder of a file; `TargetError` when it cannot be audited."""
        from fastapi_audit.cli.streams import warn  # noqa: PLC0415  only a file has something to say

        try:
            if path.is_file():
                warn(
                    f"note: {path} is a file; auditing its folder {path.parent}, as a route is judged with its project"
                )
                path = path.parent
            next(path.iterdir(), None)
            return cls(path.resolve(), path.as_posix())
        except FileNotFoundError:
            message = f"no such path: {path}"
        except (OSError, RuntimeError, ValueError) as error:
            message = f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
        raise TargetError(message)


def settings(target: Target, config: Path | None, flags: Mapping[str, Any], *, isolated: bool = False) -> Settings:
    """The settings of a run; flags that were not given are `None` or empty."""
    if isolated and config:
        message = "--isolated and --config contradict each other; drop one"
        raise UsageError(message)
    file = None if isolated else config or discover(target.root)
    base = _seen_from(target.root, file, load(file)) if file else Settings()
    given = {name: value for name, value in flags.items() if value not in (None, ())}
    # What is left out adds up: a flag that forgot the config's folders would audit vendored code.
    for name in ("ignore", "exclude"):
        given[name] = (*getattr(base, name), *given.get(name, ()))
    merged = replace(base, **given)
    if merged.fail_under is not None and not 0 <= merged.fail_under <= 100:  # noqa: PLR2004  a score is 0 to 100
        message = f"--fail-under takes a score from 0 to 100, not {merged.fail_under:g}"
        raise UsageError(message)
    return merged


def accepted_findings(target: Target, chosen: Settings, file: Path | None) -> Baseline:
    """The baseline of the flag, of the settings, or of the file that stands in the root by its default name."""
    if file is None and chosen.baseline is None and not (target.root / DEFAULT).is_file():
        if chosen.fail_on_new:
            message = f"--fail-on-new needs a baseline; write one with `fastapi-audit baseline write {target.shown}`"
            raise UsageError(message)
        return Baseline()
    place = file or baseline_file(target, chosen)
    return read_baseline(place, place.as_posix() if file else place.relative_to(target.root).as_posix())


def baseline_file(target: Target, chosen: Settings) -> Path:
    """Where the project keeps its baseline: always inside it, whatever its settings say."""
    place = (target.root / (chosen.baseline or DEFAULT)).resolve()
    if not place.is_relative_to(target.root):
        message = f"`baseline`: {chosen.baseline} is outside the project; keep it inside, or give it with --baseline"
        raise ConfigError(message)
    return place


def read_beside(target: Target, config: Path | None, baseline: Path | None, *, isolated: bool) -> Iterator[Path]:
    """The files, there or not, that decide beside those of the project."""
    if not isolated:
        yield from [config] if config else deciding_files(target.root)
    yield baseline or target.root / DEFAULT


def rules_of(target: Target, config: Path | None, chosen: Settings, *, isolated: bool = False) -> tuple[Rule, ...]:
    """Every rule of a run: ours, those of installed packages, and the team's own in the folders of the config."""
    ours = checks.load()
    file = None if isolated else config or discover(target.root)
    if file is None or not chosen.rules:
        return ours

    from fastapi_audit import own_rules  # noqa: PLC0415  most projects have none, and YAML has its price

    home = file.resolve().parent
    # The config of the audited project is as little trusted as its code; one that the user keeps elsewhere is theirs.
    theirs = config is not None and not home.is_relative_to(target.root)
    own = own_rules.load([(home / name, name) for name in chosen.rules], ours, None if theirs else home)
    return tuple(sorted((*ours, *own), key=lambda rule: (rule.item, rule.name)))


def _seen_from(root: Path, file: Path, read: Settings) -> Settings:
    """Patterns of a config file above the audited folder, as they read inside it."""
    home = file.resolve().parent
    if home == root or not root.is_relative_to(home):
        return read
    below = f"{root.relative_to(home).as_posix()}/"
    return replace(
        read,
        exclude=tuple(_inside(pattern, below) for pattern in read.exclude),
        per_file_ignores={_inside(pattern, below): names for pattern, names in read.per_file_ignores.items()},
    )


def _inside(pattern: str, below: str) -> str:
    relative = pattern.removeprefix("/")
    return "/" + relative.removeprefix(below) if relative.startswith(below) else pattern


def listed(values: Iterable[str] | None) -> tuple[str, ...]:
    """Repeated flags and comma-separated names alike."""
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())


def one_of(kind: str, name: str, known: Sequence[str]) -> str:
    """The name, if it is known; `UsageError` suggests the nearest."""
    if name in known:
        return name
    near = get_close_matches(name, known, 1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    message = f"no {kind} named `{name}`; {hint}known: {', '.join(known)}"
    raise UsageError(message)
