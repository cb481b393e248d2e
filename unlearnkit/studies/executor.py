"""Run the cells of a study in parallel processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from threading import RLock, current_thread, main_thread
from typing import Any, TypeVar

from tqdm.auto import tqdm

from unlearnkit.errors import UnlearnkitError, require_integer

Item = TypeVar("Item")


class WorkerDied(UnlearnkitError):
    """A process that did a cell is gone; its results went with it."""


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
) -> list[dict[str, Any]]:
    """Do `work` on every item and return the results in the order of the items.

    Processes are spawned, not forked, so it runs alike on every system. With one worker nothing
    is spawned. On an error or Ctrl-C what has not begun is dropped, and the error goes on.
    """
    count = worker_count(workers, len(items))
    bar = tqdm(total=len(items), disable=not progress, unit="cell")
    with bar:
        if count == 1:
            return [_ticking(work, item, bar, label) for item in items]
        return _in_processes(work, items, count, bar, label)


def _ticking(work: Callable[[Item], Any], item: Item, bar: Any, label: Callable[[Item], str]) -> Any:
    bar.set_postfix_str(label(item))
    result = work(item)
    bar.update()
    return result


def _in_processes(
    work: Callable[[Item], Any],
    items: Sequence[Item],
    count: int,
    bar: Any,
    label: Callable[[Item], str],
) -> list[Any]:
    pool = ProcessPoolExecutor(count, get_context("spawn"), _begin_worker)
    try:
        with _unheard_interrupts():
            futures: dict[Future[Any], int] = {pool.submit(work, item): i for i, item in enumerate(items)}
        results: list[Any] = [None] * len(items)
        for future in as_completed(futures):
            results[futures[future]] = future.result()
            bar.set_postfix_str(label(items[futures[future]]))
            bar.update()
    except BrokenProcessPool as error:
        raise WorkerDied(
            "a worker process died: killed, or out of memory; try again with fewer workers (--workers 1)"
        ) from error
    except BaseException:
        _stop(pool)
        raise
    pool.shutdown()
    return results


@contextmanager
def _unheard_interrupts() -> Iterator[None]:
    """Processes started here ignore Ctrl-C, which a terminal sends to all: we end them ourselves, quietly."""
    if current_thread() is not main_thread():  # where Python lets nobody set a handler
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin_worker() -> None:
    """Tqdm's own lock spans processes, and a worker that is ended would leave it behind."""
    tqdm.set_lock(RLock())


def _stop(pool: ProcessPoolExecutor) -> None:
    """Drop what has not begun and end workers in mid-cell: nobody waits a minute after Ctrl-C."""
    for worker in list(pool._processes.values()):
        worker.terminate()
    pool.shutdown(cancel_futures=True)
