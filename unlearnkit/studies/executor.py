"""Run the cells of a study in parallel processes; one that is killed costs no other cell its result."""

from __future__ import annotations

import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from threading import RLock
from typing import Any, Generic, TypeVar

from tqdm.auto import tqdm

from unlearnkit.errors import UnlearnkitError, require_integer
from unlearnkit.files import CannotWrite

Item = TypeVar("Item")


class WorkerDied(UnlearnkitError):
    """A process that did a cell is gone, twice; its result went with it."""


@dataclass(frozen=True)
class Failed:
    """What stands in place of a cell's result where the cell failed."""

    label: str
    error: str


def worker_count(asked: int | None, cells: int) -> int:
    """As many processes as asked for, else as cores; never more than cells."""
    if asked is not None:
        require_integer("workers", asked, minimum=1)
    return max(1, min(asked or os.cpu_count() or 1, cells))


def run_all(
    work: Callable[[Item], dict[str, Any]],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    label: Callable[[Item], str] = str,
    progress: bool = True,
    keep_failures: bool = False,
) -> list[Any]:
    """Do `work` on every item and return the results in the order of the items.

    Processes are spawned, not forked, so it runs alike on every system. With one worker nothing
    is spawned. A cell whose process dies is tried again, alone, so that one that eats all memory takes
    no other down with it; it is given up when it died so twice.

    Parameters
    ----------
    work, items
    workers : int, optional
        Processes; default: one a core.
    label : callable
        What the progress bar, and a failure, call an item.
    progress : bool
    keep_failures : bool
        Whether an item that fails is put down as `Failed` and the rest goes on; otherwise its error is
        raised and what has not begun is dropped. A result that cannot be written always ends it: no
        other could be, either.

    Raises
    ------
    WorkerDied
        When a cell's process died twice, and failures are not kept.
    CannotWrite
        When the disk is full.
    """
    count = worker_count(workers, len(items))
    with tqdm(total=len(items), disable=not progress, unit="cell") as bar:
        queue = _Queue(work, items, label, bar, keep_failures)
        if count == 1:
            queue.do_here()
        else:
            queue.do_in_processes(count)
    return queue.results


@dataclass
class _Queue(Generic[Item]):
    """Cells that wait, and the results of those that do not."""

    work: Callable[[Item], dict[str, Any]]
    items: Sequence[Item]
    label: Callable[[Item], str]
    bar: Any
    keep_failures: bool
    results: list[Any] = field(init=False)
    waiting: deque[int] = field(init=False)
    suspects: deque[int] = field(init=False)  # were being done when a process died
    deaths: Counter[int] = field(init=False)  # of each cell, alone

    def __post_init__(self) -> None:
        self.results = [None] * len(self.items)
        self.waiting = deque(range(len(self.items)))
        self.suspects = deque()
        self.deaths = Counter()

    def do_here(self) -> None:
        """One after the other, in this process."""
        for place in self.waiting:
            self.bar.set_postfix_str(self.label(self.items[place]))
            try:
                self._done(place, self.work(self.items[place]))
            except Exception as error:
                self._failed(place, error)

    def do_in_processes(self, count: int) -> None:
        """Only as many cells are handed out as there are processes: who dies with a cell is known."""
        while self.waiting or self.suspects:
            alone = not self.waiting
            with _pool(1 if alone else count) as pool:
                self._drain(pool, 1 if alone else count, self.suspects if alone else self.waiting, alone)

    def _drain(self, pool: ProcessPoolExecutor, count: int, source: deque[int], alone: bool) -> None:
        running: dict[Future[Any], int] = {}
        while source or running:
            if not self._hand_out(pool, count, source, running):
                self._died(sorted(running.values()), alone)
                return
            ended, others = wait(running, return_when=FIRST_COMPLETED)
            broken = [running[future] for future in ended if not self._take(future, running[future])]
            if broken:
                self._died(sorted([*broken, *(running[future] for future in others)]), alone)
                return
            running = {future: running[future] for future in others}

    def _hand_out(
        self, pool: ProcessPoolExecutor, count: int, source: deque[int], running: dict[Future[Any], int]
    ) -> bool:
        """Keep every process busy; False where one died idle, and the pool takes no more."""
        while source and len(running) < count:
            try:
                with _unheard_interrupts():  # the process that this may start must not hear them either
                    running[pool.submit(self.work, self.items[source[0]])] = source[0]
            except BrokenProcessPool:
                return False
            source.popleft()
        return True

    def _take(self, future: Future[Any], place: int) -> bool:
        """Take a result or a failure; False where the process died."""
        try:
            self._done(place, future.result())
        except BrokenProcessPool:
            return False
        except Exception as error:
            self._failed(place, error)
        return True

    def _died(self, places: Sequence[int], alone: bool) -> None:
        if not alone:
            self.suspects.extend(places)
            return
        for place in places:
            self.deaths[place] += 1
            if self.deaths[place] < 2:  # the first time another's death may have taken it along
                self.suspects.append(place)
                continue
            died = WorkerDied(
                f"a worker process died, twice, in {self.label(self.items[place])}: killed, or out of "
                "memory; try again with fewer workers (--workers 1)"
            )
            self._failed(place, died)

    def _done(self, place: int, result: Any) -> None:
        self.results[place] = result
        self.bar.set_postfix_str(self.label(self.items[place]))
        self.bar.update()

    def _failed(self, place: int, error: Exception) -> None:
        if not self.keep_failures or isinstance(error, CannotWrite):
            raise error
        self._done(place, Failed(self.label(self.items[place]), f"{type(error).__name__}: {error}"))


@contextmanager
def _pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that are ended in mid-cell when something is raised: nobody waits a minute after Ctrl-C."""
    pool = ProcessPoolExecutor(count, get_context("spawn"), _begin_worker)
    try:
        yield pool
    except BaseException:
        for worker in list((pool._processes or {}).values()):
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _unheard_interrupts() -> Iterator[None]:
    """Processes started here ignore Ctrl-C, which a terminal sends to all: we end them ourselves, quietly."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where children do not inherit it anyway
        yield
        return
    # Blocked, not ignored: one that comes meanwhile is heard after, and children inherit the mask.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker() -> None:
    """Tqdm's own lock spans processes, and a worker that is ended would leave it behind."""
    tqdm.set_lock(RLock())
