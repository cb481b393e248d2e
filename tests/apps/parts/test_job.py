"""Background work: the newest wins, errors are handed on, and nothing is shown twice or late."""

from __future__ import annotations

from threading import Event, get_ident

import pytest
import torch

from unlearnkit.apps.parts.job import Job

WAIT = 60


@pytest.fixture
def failures():
    return []


@pytest.fixture
def job(failures):
    return Job(failed=failures.append)


def test_work_is_done_elsewhere_and_shown(job):
    shown = []
    job.start(lambda cancel: get_ident(), then=shown.append)
    assert job.wait(WAIT)
    assert len(shown) == 1
    assert shown[0] != get_ident()


def test_a_stale_result_is_dropped(job):
    shown, begun, let_go = [], Event(), Event()

    def slow(cancel):
        begun.set()
        let_go.wait(WAIT)
        return "old"

    job.start(slow, then=shown.append)
    first = job._thread
    assert begun.wait(WAIT)
    job.start(lambda cancel: "new", then=shown.append)
    assert job.wait(WAIT)
    let_go.set()
    first.join(WAIT)
    assert shown == ["new"]


def test_older_work_is_told_to_stop(job):
    seen = []
    job.start(lambda cancel: seen.append(cancel.wait(WAIT)), then=lambda _: seen.append("shown"))
    first = job._thread
    job.start(lambda cancel: None, then=lambda _: None)
    first.join(WAIT)
    assert seen == [True]


def test_what_was_cancelled_is_not_shown(job, failures):
    shown = []

    def work(cancel):
        cancel.wait(WAIT)
        raise RuntimeError("stopped")

    job.start(work, then=shown.append)
    job.cancel()
    assert job.wait(WAIT)
    assert (shown, failures) == ([], [])


def test_an_error_is_handed_on(job, failures):
    job.start(lambda cancel: 1 / 0, then=print)
    assert job.wait(WAIT)
    assert [type(error) for error in failures] == [ZeroDivisionError]


def test_an_error_while_showing_is_handed_on(job, failures):
    job.start(lambda cancel: 0, then=lambda zero: 1 / zero)
    assert job.wait(WAIT)
    assert [type(error) for error in failures] == [ZeroDivisionError]


def test_work_has_the_callers_number_of_threads(job):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        counts = []
        job.start(lambda cancel: torch.get_num_threads(), then=counts.append)
        assert job.wait(WAIT)
    finally:
        torch.set_num_threads(before)
    assert counts == [3]
