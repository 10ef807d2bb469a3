"""The tables of times: what they say follows from what was measured."""

from pathlib import Path

import pytest
from benchmarks.speed.__main__ import COLD, Cost, Tree, growth, main, table

from command import APPLICATION, written


def tree(lines: int, seconds: float) -> Tree:
    return Tree(f"of{lines}", 1, lines, {COLD: Cost(seconds, seconds, 1)})


def test_ratios_are_against_the_first_command() -> None:
    costs = {"ruff check": Cost(0.5, 0.25, 20_000_000), "ours": Cost(1.5, 1.0, 90_400_000)}

    assert table(costs).splitlines()[-1] == "| ours | 1.50 | 1.00 | 90 | 3.0 | 4.0 |"


def test_growth_in_step_with_the_lines_is_one_and_what_is_faster_is_more() -> None:
    even = growth([tree(1000, 1), tree(8000, 8), tree(4000, 4)])
    steep = growth([tree(1000, 1), tree(8000, 64)])

    assert "to the power of 1.00;" in even
    assert "of1000 1000.0, of4000 1000.0, of8000 1000.0." in even
    assert "to the power of 2.00;" in steep


@pytest.mark.slow
def test_trees_are_measured_and_tools_that_are_missing_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, {"one/main.py": APPLICATION, "two/main.py": APPLICATION, "two/more.py": APPLICATION})
    main([str(tmp_path / "one"), str(tmp_path / "two"), "--runs", "1", "--tools", str(tmp_path)])
    printed = capsys.readouterr().out

    assert printed.count(f"| {COLD} |") == 2
    assert printed.count("| nothing changed |") == 2
    assert "bandit" not in printed
    assert "to the power of" in printed
