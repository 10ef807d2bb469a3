"""What the watchdog writes comes from a hostile server, and no line of it can break the probe."""

import json
from pathlib import Path

import pytest

from fastapi_audit.evidence.live.stalls import Watch


def told(folder: Path, *lines: str) -> Watch:
    watch = Watch(folder / "stalls", folder)
    watch.told.write_text("".join(f"{line}\n" for line in lines))
    return watch


def line(*frames: object, seconds: object = 0.5) -> str:
    return json.dumps({"seconds": seconds, "frames": frames})


def test_a_stall_names_the_lines_of_the_project_alone(tmp_path: Path) -> None:
    own = [str(tmp_path / "main.py"), 7, "leads"]
    watch = told(tmp_path, line(["/usr/lib/python3/asyncio/runners.py", 1, "run"], own), line(["<string>", 1, "x"]))

    first, second = watch.stalls()

    assert first.place is not None
    assert (first.seconds, first.place.path, first.place.line) == (0.5, "main.py", 7)
    assert second.place is None


def test_only_what_is_new_and_whole_is_read(tmp_path: Path) -> None:
    watch = told(tmp_path, line())
    assert len(watch.stalls()) == 1
    with watch.told.open("a") as file:
        file.write(line(seconds=2.0) + "\n" + line()[:-5])

    assert [each.seconds for each in watch.stalls()] == [2.0]


@pytest.mark.parametrize(
    "written",
    ["no JSON", "[]", "{}", line(["main.py", 1]), line(3), line(seconds="long"), line(seconds=10**400), "[" * 100_000],
    ids=["text", "a list", "nothing", "half a frame", "no frame", "words", "larger than any float", "nested"],
)
def test_a_line_that_says_nothing_is_passed_over(written: str, tmp_path: Path) -> None:
    assert [each.seconds for each in told(tmp_path, written, line(seconds=1.0)).stalls()] == [1.0]


def test_a_frame_of_other_types_is_left_out(tmp_path: Path) -> None:
    main = str(tmp_path / "main.py")

    [stall] = told(tmp_path, line([None, 1, "a"], [main, "1", "b"], [main, 1, 5], [main, 3, "leads"])).stalls()

    assert [step.location.line for step in stall.steps] == [3]


def test_without_the_file_nothing_was_seen(tmp_path: Path) -> None:
    assert Watch(tmp_path / "stalls", tmp_path).stalls() == ()
