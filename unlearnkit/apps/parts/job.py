"""Work in the background of which only the newest counts: older results are dropped, errors are handed on."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, RLock, Thread
from typing import TypeVar

import torch

Result = TypeVar("Result")


class Job:
    """One thing at a time in a thread; starting another one cancels it.

    Work is a function of a cancel `Event`, which it may look at. What it returns is shown only if nothing
    newer was started meanwhile, and two results are never shown at once.

    Parameters
    ----------
    failed : callable
        Takes the exception of work, or of showing it, unless it is stale.

    Examples
    --------
    >>> job = Job(failed=print)
    >>> job.start(lambda cancel: 6 * 7, then=print)
    >>> done = job.wait()
    42
    """

    def __init__(self, *, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._newest = 0
        self._cancel = Event()
        self._thread: Thread | None = None
        self._turn = RLock()  # showing a result may start the next work

    def start(self, work: Callable[[Event], Result], *, then: Callable[[Result], None]) -> None:
        """Begin work in a thread, and give up what is under way."""
        with self._turn:
            self.cancel()
            self._cancel = Event()
            threads = torch.get_num_threads()  # a new thread would start from the machine's, not from ours
            arguments = (self._newest, self._cancel, threads, work, then)
            self._thread = Thread(target=self._run, args=arguments, daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Ask the work to stop; whatever it still returns is dropped."""
        with self._turn:
            self._newest += 1
            self._cancel.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing runs; whether that came about in time."""
        while (thread := self._thread) is not None and thread.is_alive():
            thread.join(seconds)
            if thread.is_alive():
                return False
        return True

    @property
    def running(self) -> bool:
        """Whether work is under way."""
        return self._thread is not None and self._thread.is_alive()

    def _run(
        self,
        mine: int,
        cancel: Event,
        threads: int,
        work: Callable[[Event], Result],
        then: Callable[[Result], None],
    ) -> None:
        torch.set_num_threads(threads)  # this thread's own number
        try:
            result = work(cancel)
            with self._turn:
                if mine == self._newest:
                    then(result)
        except Exception as error:
            with self._turn:
                if mine == self._newest:
                    self._failed(error)
