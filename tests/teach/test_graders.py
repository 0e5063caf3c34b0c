"""nbgrader and otter-grader give the points that fastbp grade gives, for right and planted notebooks of two lessons.

Where the two are not installed, only fastbp's own points are seen; `.ci/long grading` installs them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from graders import GRADERS, PLANTED, expected

from fastbp.teach.exercises import EXERCISES

pytestmark = pytest.mark.plain  # the graders' processes are, and have no Numba in .ci/long


FIRST, *MORE = PLANTED


@pytest.mark.parametrize("lesson", [FIRST, *(pytest.param(lesson, marks=pytest.mark.slow) for lesson in MORE)])
@pytest.mark.parametrize("grader", GRADERS)
def test_points_are_the_same_by_each_grader(grader: str, lesson: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(grader) is None:
        pytest.skip(f"{grader} is not installed: that it gives the same points is NOT tested (see .ci/long grading)")
    found, wanted = GRADERS[grader](lesson, tmp_path), expected(lesson)
    assert found == wanted
    totals = [sum(points.values()) for points in wanted.values()]
    assert totals[0] == sum(EXERCISES[one].points for one in wanted["right"]) > max(totals[1:])
