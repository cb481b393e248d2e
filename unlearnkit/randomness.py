"""Random numbers that belong to whoever draws them, and nothing else's state changed by drawing."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from unlearnkit.errors import require_integer


def generator(seed: int, *stream: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """Make a generator of its own for one purpose.

    It starts from a hash of the seed and the stream's names. So what one stream draws, or how much, never
    changes what another draws, and seeds 0 and 1 of one stream have as little in common as any other two.

    Parameters
    ----------
    seed : int
        The seed that the user gave; any integer.
    *stream : str or int
        What the numbers are for: ``generator(seed, "batches")``, ``generator(seed, "directions", step)``.
    device : str or torch.device
        Where the numbers are drawn. CPU and CUDA draw different numbers from the same seed.

    Returns
    -------
    torch.Generator
        The same arguments give the same start, on every machine and in every process. On the CPU torch
        keeps 32 bits of it, so among 10,000 streams two are the same with a probability of about 1 %.

    Raises
    ------
    BadInput
        If the seed is not an integer.

    Examples
    --------
    >>> first, again, other = (generator(0, name) for name in ("noise", "noise", "batches"))
    >>> draws = [torch.randint(1000, (4,), generator=g).tolist() for g in (first, again, other)]
    >>> draws[0] == draws[1], draws[0] == draws[2]
    (True, False)
    """
    require_integer("seed", seed)
    # JSON keeps the parts apart: ("ab", "c") is not ("a", "bc"), and "1" is not 1.
    key = json.dumps([int(seed), *(part if isinstance(part, str) else int(part) for part in stream)])
    digest = hashlib.sha256(key.encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Run a block on one intra-op thread, and give the threads back.

    With more threads torch sums in another order, and results differ in the last bits. Also a decorator.

    Examples
    --------
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


SMALL = 10_000_000  # parameters; below, threads wait for each other longer than they compute


@contextmanager
def fitting_threads(model: torch.nn.Module) -> Iterator[None]:
    """Run a block on one thread if the model is small and on the CPU; else leave the threads as they are.

    At the lab's size a second thread makes a step slower, many times so on a busy machine, and results would
    depend on the number of threads.
    """
    weights = list(model.parameters())
    small = sum(weight.numel() for weight in weights) < SMALL
    if small and all(weight.device.type == "cpu" for weight in weights):
        with one_thread():
            yield
    else:
        yield


@contextmanager
def preserve_global_state() -> Iterator[None]:
    """Restore the global random state of torch, NumPy and random after a block.

    For foreign code that draws from it. Restores also when the block raises or is interrupted; CUDA's state
    too, once CUDA is in use. Also a decorator.

    Examples
    --------
    >>> before = torch.get_rng_state()
    >>> with preserve_global_state():
    ...     _ = torch.manual_seed(7)
    >>> torch.equal(before, torch.get_rng_state())
    True
    """
    # Asking a CUDA device for its state would start CUDA; one that nobody used yet has no state to lose.
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else range(0)
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - kept, not drawn from
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


# In a thread beside the user's own, a stream would rewind what the user draws meanwhile.
_NOTHING_DRAWS: ContextVar[bool] = ContextVar("nothing_draws", default=False)


@contextmanager
def leave_global_state() -> Iterator[None]:
    """In this thread, let `global_stream` leave the global generators alone: for models that draw nothing.

    torch's global generators belong to all threads. Whoever trains in the background with a model that
    `draws_in_training` keeps this off, and asks that nobody else draws meanwhile.

    Examples
    --------
    >>> with leave_global_state(), global_stream(0, "dropout"):
    ...     inside = torch.get_rng_state()
    >>> torch.equal(inside, torch.get_rng_state())
    True
    """
    token = _NOTHING_DRAWS.set(True)
    try:
        yield
    finally:
        _NOTHING_DRAWS.reset(token)


DRAWING = ("drop", "jitter", "noise")  # parts of the names of settings that make a forward pass draw


def draws_in_training(model: torch.nn.Module) -> bool:
    """Whether a forward pass in training mode may draw: a dropout layer, or a setting of that name, above 0.

    Examples
    --------
    >>> draws_in_training(torch.nn.Dropout(0.1)), draws_in_training(torch.nn.Dropout(0.0))
    (True, False)
    """
    config: Any = getattr(model, "config", None)
    settings = config.to_dict() if hasattr(config, "to_dict") else {}
    named = (value for name, value in settings.items() if any(part in name for part in DRAWING))
    layers = (getattr(module, "p", 0) for module in model.modules() if "Drop" in type(module).__name__)
    return any(isinstance(value, int | float) and value > 0 for value in (*named, *layers))


@contextmanager
def global_stream(seed: int, *stream: str | int) -> Iterator[None]:
    """Run a block in which torch's global generators give a stream of their own, then restore them.

    For foreign code that draws from them and takes no generator, such as dropout.

    Examples
    --------
    >>> def draw():
    ...     with global_stream(0, "dropout", 1):
    ...         return torch.rand(1)
    >>> draw() == draw()
    tensor([True])
    """
    if _NOTHING_DRAWS.get():
        yield
        return
    start = generator(seed, *stream).initial_seed()
    with preserve_global_state():
        _seed_global(start)
        yield


def _seed_global(start: int) -> None:
    """`torch.manual_seed`, which notes who asked, each time, for a CUDA that nobody started; without that."""
    torch.default_generator.manual_seed(start)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(start)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(start)
