"""Writes what comes out: the scorecard of every sample app in every format, to look at and to compare with."""

from pathlib import Path
from tempfile import TemporaryDirectory

from command import command
from fastapi_audit.reports import FORMATS
from pages import ROOT

ENDINGS = {
    "badge": "badge.json",
    "badge-svg": "svg",
    "concise": "concise.txt",
    "github": "github.txt",
    "gitlab": "gitlab.json",
    "html": "html",
    "json": "json",
    "jsonl": "jsonl",
    "junit": "junit.xml",
    "markdown": "md",
    "sarif": "sarif",
    "text": "txt",
}
"""Format → ending of its file."""


def apps() -> list[str]:
    """The sample apps, by name."""
    return sorted(folder.name for folder in (ROOT / "sample_apps").iterdir() if folder.is_dir())


def reports(app: str) -> dict[Path, str]:
    """Every report about one app: path relative to the repository → text."""
    with TemporaryDirectory() as place:
        files = {Path("reports") / f"{app}.{ENDINGS[name]}": Path(place) / name for name in FORMATS}
        options = [f"--report={file.name}={file}" for file in files.values()]
        ran = command("scan", f"sample_apps/{app}", "--isolated", "--no-cache", "--exit-zero", *options, cwd=ROOT)
        assert ran.code == 0, ran.err
        return {path: file.read_text("utf-8") for path, file in files.items()}


if __name__ == "__main__":
    written = {path: text for app in apps() for path, text in reports(app).items()}
    folder = ROOT / "reports"
    folder.mkdir(exist_ok=True)
    for path, text in written.items():
        (ROOT / path).write_text(text, "utf-8")
    for file in set(folder.iterdir()) - {ROOT / path for path in written}:
        file.unlink()
