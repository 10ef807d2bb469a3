"""The name of a container image: registry, repository, tag and digest, and the Python that it brings."""

import re
from dataclasses import dataclass

from fastapi_audit.evidence.deployment.text import Text
from fastapi_audit.evidence.deployment.variables import Reference, references
from fastapi_audit.model import Location

UNPINNED = frozenset({"", "latest", "stable", "edge", "main", "master", "nightly"})
PYTHON_IN_TAG = re.compile(r"(?:^|[^a-z])(?:python|py)-?(3)\.?(\d{1,2})(?!\d)")
VERSION = re.compile(r"(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image as `FROM`, `image:` and kubernetes name it."""

    text: Text
    """As written, variables included."""
    name: str
    """After filling in what the file itself says: `ghcr.io/acme/api:1.2`."""
    certain: bool
    """Whether no variable of the environment can change it."""

    @property
    def location(self) -> Location:
        return self.text.location

    @property
    def references(self) -> tuple[Reference, ...]:
        """The variables in it."""
        return tuple(references(self.text))

    @property
    def digest(self) -> str | None:
        """`sha256:…`, when it is pinned to one."""
        return self.name.partition("@")[2] or None

    @property
    def tag(self) -> str | None:
        """The tag, `None` without one (which means `latest`)."""
        last = self.name.partition("@")[0].rpartition("/")[2]
        return last.partition(":")[2] or None

    @property
    def repository(self) -> str:
        """Without tag and digest: `ghcr.io/acme/api`."""
        name = self.name.partition("@")[0]
        folder, slash, last = name.rpartition("/")
        return f"{folder}{slash}{last.partition(':')[0]}"

    @property
    def base_name(self) -> str:
        """The last part of the repository: `api`, `postgres`, `python`."""
        return self.repository.rpartition("/")[2]

    @property
    def unknown(self) -> bool:
        """Whether a variable without default hides what it is."""
        return "$" in self.name

    @property
    def moves(self) -> bool:
        """Whether the same name means another image tomorrow: no digest, and no tag or one such as `latest`."""
        return not self.unknown and self.digest is None and self.name != "scratch" and (self.tag or "") in UNPINNED

    @property
    def is_alpine(self) -> bool:
        """Whether its shell is busybox and its packages come from apk."""
        return "alpine" in (self.tag or "") or self.base_name == "alpine" or self.base_name.endswith("-alpine")

    @property
    def is_slim(self) -> bool:
        """Whether it is a Debian image without curl and wget."""
        return "slim" in (self.tag or "")

    @property
    def is_distroless(self) -> bool:
        """Whether it has no shell at all."""
        return "distroless" in self.repository or self.repository.startswith("cgr.dev/chainguard")

    @property
    def shell_name(self) -> str | None:
        """What its `/bin/sh` is: `dash` or `ash`; `None` when the name does not tell."""
        if self.is_alpine or self.base_name == "busybox":
            return "ash"
        debian = self.base_name in {"python", "debian", "ubuntu"} or self.is_slim
        return "dash" if debian and not self.unknown else None

    @property
    def python_version(self) -> tuple[int, ...] | None:
        """`(3, 12)` of `python:3.12-slim`, `(3,)` of `python:3`; `None` when the name does not say."""
        tag = self.tag or ""
        if self.base_name == "python" or self.base_name.endswith("/python"):
            found = VERSION.match(tag)
            return tuple(int(part) for part in found.groups() if part) if found else None
        found = PYTHON_IN_TAG.search(tag) or PYTHON_IN_TAG.search(self.base_name)
        return (int(found[1]), int(found[2])) if found else None
