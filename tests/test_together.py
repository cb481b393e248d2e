"""In two processes, what shares something dear stays in one: the groups of tests/conftest.py."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def conftest(pytestconfig):
    """tests/conftest.py, as pytest loaded it."""
    return pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))


def test_every_place_is_there(conftest):
    places = [place for group in conftest.TOGETHER.values() for place in group]
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_a_lesson_is_read_where_the_browser_ran_it(conftest):
    files = ["tests/browser/test_lessons.py", "tests/notebooks/test_lessons.py"]
    assert {conftest.group_of(path) for path in files} == {"lessons"}


def test_a_file_is_a_group_of_its_own(request):
    assert request.node.get_closest_marker("xdist_group").args == ("tests/test_together.py",)


def test_what_is_told_is_kept_with_the_test(tell, request):
    tell("as a line at the end")
    assert request.node.user_properties.pop() == ("told", "as a line at the end")
