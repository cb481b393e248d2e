"""Own generators: reproducible, independent, and without a trace in the global state."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import stats

from unlearnkit.errors import BadInput
from unlearnkit.randomness import fitting_threads, generator, global_stream, one_thread, preserve_global_state


def test_the_same_arguments_give_the_same_numbers():
    assert torch.equal(_draw(0, "noise", 3), _draw(0, "noise", 3))


def test_the_same_arguments_give_the_same_numbers_in_another_process():
    code = "from unlearnkit.randomness import generator; print(generator(7, 'noise').initial_seed())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == generator(7, "noise").initial_seed()


def test_the_hash_never_changes():
    # Results depend on it: whoever changes it raises the results version. sha256 of [0, "noise"], 8 bytes.
    assert generator(0, "noise").initial_seed() == 0xA926F0AE1071F342


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, "noise"), (1, "noise")),
        ((0, "noise"), (0, "batches")),
        ((0, "noise"), (0,)),
        ((0, "ab", "c"), (0, "a", "bc")),
        ((0, "1"), (0, 1)),
        ((0, "a", 1), (0, "a", 11)),
        ((12,), (1, 2)),
    ],
)
def test_other_arguments_give_other_numbers(one, other):
    assert not torch.equal(_draw(*one), _draw(*other))


def test_two_streams_of_a_seed_are_uncorrelated():
    first, second = _draw(0, "noise", size=20_000), _draw(0, "batches", size=20_000)
    assert stats.pearsonr(first, second).pvalue > 1e-3


def test_neighbouring_seeds_start_far_apart():
    starts = torch.cat([_draw(seed, "noise", size=1) for seed in range(2_000)])
    assert stats.kstest(starts, "norm").pvalue > 1e-3


def test_numpy_integers_count_as_integers():
    assert torch.equal(_draw(np.int64(5), np.int32(1)), _draw(5, 1))


@pytest.mark.parametrize("seed", [None, 0.0, "0", True])
def test_a_seed_is_an_integer(seed):
    with pytest.raises(BadInput, match=r"^seed must be an integer"):
        generator(seed)


def test_a_generator_leaves_the_global_state_alone():
    before = _global_states()
    _draw(0, "noise")
    assert _global_states() == before


@pytest.mark.gpu
def test_a_generator_on_the_gpu():
    draws = [torch.rand(8, generator=generator(0, device="cuda"), device="cuda") for _ in range(2)]
    assert torch.equal(*draws)


@pytest.mark.parametrize("fault", [None, ValueError, KeyboardInterrupt])
def test_the_global_state_comes_back(fault):
    before = _global_states()
    _run_guarded(preserve_global_state(), fault, _disturb)
    assert _global_states() == before
    _disturb()
    assert _global_states() != before


@pytest.mark.parametrize("fault", [None, ValueError, KeyboardInterrupt])
def test_a_global_stream_leaves_the_global_state_alone(fault):
    before = _global_states()
    _run_guarded(global_stream(0, "dropout"), fault, _disturb)
    assert _global_states() == before


def test_a_global_stream_is_a_generators_stream():
    with global_stream(7, "dropout", 3):
        drawn = torch.randn(8)
    assert torch.equal(drawn, _draw(7, "dropout", 3))
    assert not torch.equal(drawn, _draw(7, "dropout", 4))


def test_a_global_stream_asks_nothing_of_a_gpu_that_nobody_started(monkeypatch):
    """Left for later, the seed would hit whoever starts it; and each time it is left costs a traceback."""
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda _: pytest.fail("left for later"))
    with global_stream(7, "dropout"):
        torch.rand(1)


@pytest.mark.gpu
def test_a_global_stream_holds_on_the_gpu_and_leaves_its_state_alone():
    torch.cuda.init()
    before = torch.cuda.get_rng_state()
    draws = []
    for _ in range(2):
        with global_stream(7, "dropout", 3):
            draws.append(torch.randn(8, device="cuda"))
    assert torch.equal(*draws)
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.parametrize("fault", [None, ValueError, KeyboardInterrupt])
def test_the_threads_come_back(fault):
    before = torch.get_num_threads()
    inside = []
    try:
        torch.set_num_threads(2)
        _run_guarded(one_thread(), fault, lambda: inside.append(torch.get_num_threads()))
        assert inside == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def _draw(seed, *stream, size=8):
    return torch.randn(size, generator=generator(seed, *stream))


def _global_states():
    return (
        random.getstate(),
        str(np.random.get_state(legacy=False)),
        torch.get_rng_state().numpy().tobytes(),
    )


def _disturb():
    random.random()
    np.random.rand()
    torch.rand(1)


def _run_guarded(guard, fault, action):
    try:
        with guard:
            action()
            if fault is not None:
                raise fault
    except (ValueError, KeyboardInterrupt):
        pass


def test_small_models_on_the_cpu_run_on_one_thread_and_large_ones_as_they_would():
    before = torch.get_num_threads()
    with fitting_threads(torch.nn.Linear(2, 2)):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with torch.device("meta"):
        large = torch.nn.Linear(4000, 4000)
    with fitting_threads(large):
        assert torch.get_num_threads() == before
