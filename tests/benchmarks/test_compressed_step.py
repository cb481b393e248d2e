"""A training step with a sign, compressed or 8-bit optimizer against one with torch's Adam, one thread.

python -m pytest tests/benchmarks/test_compressed_step.py -s
"""

from __future__ import annotations

import statistics
import time

import pytest
import torch

import unlearnkit as uk
from unlearnkit.randomness import generator, global_stream, one_thread

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

ROUNDS, BATCH_SIZE, LENGTH = 4, 16, 128
NAMES = ("signsgd", "signum", "adam_direction_8bit", "adam_direction_4bit", "sgd_direction_8bit",
         "onebit_adam", "adam_state_8bit", "adam", "muon")  # fmt: skip
OPTIONS = {"onebit_adam": {"warmup": 1}}  # so that it is the compressed step that is measured


@pytest.fixture(scope="module")
def model():
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=4096, hidden_size=256, intermediate_size=1024, num_hidden_layers=9, num_attention_heads=4,
        num_key_value_heads=4, tie_word_embeddings=True, pad_token_id=0,
    )  # fmt: skip
    with global_stream(0, "benchmark"):
        return LlamaForCausalLM(config)


@one_thread()
def test_a_whole_training_step_against_one_with_torchs_adam(model):
    """A round takes one gradient, then every optimizer a step with it, so all meet the same weather.

    Each has weights of its own. A whole step is the gradient, forward and backward, and the optimizer's.
    """
    inputs = torch.randint(4096, (BATCH_SIZE, LENGTH), generator=generator(0, "benchmark"))
    weights = list(model.parameters())
    assert sum(weight.numel() for weight in weights) >= 10_000_000
    assert inputs.numel() >= 2048
    steppers = {"torch's Adam": Stepper(weights, lambda copies: torch.optim.Adam(copies, foreach=False))}
    for name in NAMES:
        steppers[name] = Stepper(
            weights, lambda copies, name=name: uk.optim.create(name, copies, **OPTIONS.get(name, {}))
        )
    gradient_seconds = []
    for _ in range(ROUNDS + 1):
        gradient_seconds.append(seconds(lambda: gradient(model, inputs)))
        for stepper in steppers.values():
            stepper.step(weights)
    report(
        gradient_seconds[1:],
        {name: stepper.seconds[1:] for name, stepper in steppers.items()},
        inputs.numel(),
    )
    assert all(stepper.moved(weights) for stepper in steppers.values())


class Stepper:
    """An optimizer over a copy of the weights, and how long its steps took."""

    def __init__(self, weights, make) -> None:
        self.weights = [torch.nn.Parameter(weight.detach().clone()) for weight in weights]
        self.optimizer, self.seconds = make(self.weights), []

    def step(self, weights) -> None:
        for ours, given in zip(self.weights, weights, strict=True):
            ours.grad = given.grad
        self.seconds.append(seconds(self.optimizer.step))

    def moved(self, weights) -> bool:
        return any(not torch.equal(ours, given) for ours, given in zip(self.weights, weights, strict=True))


def gradient(model, inputs) -> None:
    model.zero_grad(set_to_none=True)
    model(input_ids=inputs, labels=inputs).loss.backward()


def seconds(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def report(gradients, steps, tokens) -> None:
    peer = steps["torch's Adam"]
    print(f"\n{tokens} tokens, forward and backward {statistics.median(gradients):.2f} s, {ROUNDS} rounds")
    for name, taken in steps.items():
        whole = statistics.median((g + s) / (g + p) for g, s, p in zip(gradients, taken, peer, strict=True))
        alone = statistics.median(s / p for s, p in zip(taken, peer, strict=True))
        print(
            f"{name:>20}: whole step {whole:.3f} of Adam's, step() {1e3 * statistics.median(taken):6.1f} ms, "
            f"{alone:.2f} of Adam's"
        )
