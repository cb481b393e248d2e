"""Who is impatient stops twice: models are put back all the same."""

from __future__ import annotations

import signal
import sys
import threading
import time

import pytest

from unlearnkit.smoothing import certify
from unlearnkit.smoothing.certificates.noisy_answers import WeightNoise


@pytest.mark.skipif(sys.platform == "win32", reason="a signal to oneself ends the process there")
@pytest.mark.parametrize("signals", [1, 2, 3])
def test_another_ctrl_c_leaves_no_worker_behind(toy, make_llama, fingerprint, monkeypatch, signals):
    """They come while a worker is past the question whether to stop, and before it moves its model."""
    models = (make_llama(7), toy.model, toy.never_learned)
    before = [fingerprint(each) for each in models]
    calls, step = [0], WeightNoise.step

    def slow(self, weights, sample):
        calls[0] += 1
        if calls[0] == 4:
            for _ in range(signals):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                time.sleep(0.2)  # the main thread is woken, and waits again
        return step(self, weights, sample)

    monkeypatch.setattr(WeightNoise, "step", slow)
    with pytest.raises(KeyboardInterrupt):
        certify(models[0], toy, samples=200, retain_facts=2)
    found = [fingerprint(each) for each in models]
    time.sleep(0.1 * signals)  # for a worker that was left behind
    assert found == [fingerprint(each) for each in models] == before
