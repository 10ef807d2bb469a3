"""Real FastAPI applications by name and version, downloaded and unpacked outside the repository."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

PYTHON_OF_THE_WHEELS = "3.12"


@dataclass(frozen=True, slots=True)
class Application:
    """One application of the corpus; its wheels are unpacked side by side into one folder."""

    name: str
    wheels: tuple[str, ...]
    truth_is_lower_bound: bool = False
    """Whether it has routes that its own route table does not show."""


WITH_TRUTH = (
    Application("litellm", ("litellm==1.106.2",), truth_is_lower_bound=True),
    Application("langflow", ("langflow-base==1.13.0",)),
    Application("lnbits", ("lnbits==1.6.2",)),
    Application("prefect", ("prefect==3.8.8",)),
    Application("fief", ("fief-server==0.30.0",)),
    Application("airflow", ("apache-airflow-core==3.3.2",)),
    Application("dstack", ("dstack==0.22.5",)),
    Application(
        "titiler",
        (
            "titiler-core==2.4.0",
            "titiler-application==2.4.0",
            "titiler-extensions==2.4.0",
            "titiler-mosaic==2.4.0",
            "titiler-xarray==2.4.0",
        ),
    ),
    Application("mlflow", ("mlflow==3.17.2",)),
    Application("argilla", ("argilla-server==2.8.0",)),
    Application("autogenstudio", ("autogenstudio==0.4.2.2",)),
    Application("hayhooks", ("hayhooks==2.1.0",)),
)
"""Largest first; `truth/NAME.json` says what each one told when it was imported."""

APPLICATIONS = (
    *WITH_TRUTH,
    Application("open-webui", ("open-webui==0.12.4",)),
    Application("feast", ("feast==0.67.0",)),
    Application("skypilot", ("skypilot==0.14.1",)),
    Application("phoenix", ("arize-phoenix==20.26.1",)),
    Application("chromadb", ("chromadb==1.5.9",)),
    Application("tiled", ("tiled==0.2.20",)),
    Application("docling", ("docling-serve==1.38.2",)),
)
"""Those and more, of which only the findings are compared."""


def default_cache() -> Path:
    """Where the corpus is kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastapi-audit-benchmarks"


def tree(application: Application, corpus: Path | None, cache: Path) -> Path:
    """The folder with the application's unpacked wheels: from the given corpus where it is whole, else downloaded."""
    if corpus and len(application.wheels) == 1 and (corpus / application.name).is_dir():
        return corpus / application.name
    folder = cache / "-".join((application.name, application.wheels[0].partition("==")[2]))
    if not folder.is_dir():
        _download(application.wheels, folder)
    return folder


def _download(wheels: Iterable[str], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as place:
        fetched, unpacked = Path(place) / "wheels", Path(place) / "unpacked"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run(  # noqa: S603  our own interpreter, pinned names
            [*command, "--python-version", PYTHON_OF_THE_WHEELS, "--dest", str(fetched), *wheels],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        for wheel in sorted(fetched.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(unpacked)
        unpacked.rename(folder)
