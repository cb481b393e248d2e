"""In two processes, what shares something dear stays in one: the groups of tests/conftest.py."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def conftest(pytestconfig):
    """tests/conftest.py, as pytest loaded it."""
    return pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests" / "conftest.py"))


def test_every_place_is_there(conftest):
    places = [place for group in conftest.TOGETHER.values() for place in group]
    assert [place for place in places if not (ROOT / place).exists()] == []


class Worker:
    """What a scheduler asks of a worker; `sent` is what it was told to run."""

    shutting_down = False
    gateway = SimpleNamespace(id="worker")

    def __init__(self) -> None:
        self.sent: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def test_groups_go_to_one_worker_each_and_in_order(conftest):
    """A scheduler of pytest-xdist, two workers, and tests of three files of which two belong together."""
    files = ["tests/browser/test_lessons.py", "tests/test_files.py", "tests/notebooks/test_lessons.py"]
    tests = [f"{file}::test_{n}[a::b]" for file in files for n in range(4 if "lessons" in file else 12)]
    option = SimpleNamespace(loadscopereorder=True, debug=False)
    config = SimpleNamespace(option=option, getvalue=lambda name: ["popen"] * 2)
    scheduler = conftest.pytest_xdist_make_scheduler(config, None)
    workers = [Worker(), Worker()]
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, tests)
    scheduler.schedule()
    lessons, files = [[tests[n] for n in worker.sent] for worker in workers]
    assert sorted(lessons) == sorted(test for test in tests if "lessons" in test)
    assert sorted(files) == sorted(test for test in tests if "test_files" in test)


def test_a_file_is_a_group_of_its_own(conftest, request):
    assert conftest.group_of(request.node.nodeid) == "tests/test_together.py"
    assert conftest.group_of("unlearnkit/errors.py::unlearnkit.errors.unknown_name") == "unlearnkit/errors.py"


def test_what_is_told_is_kept_with_the_test(tell, request):
    tell("as a line at the end")
    assert request.node.user_properties.pop() == ("told", "as a line at the end")
