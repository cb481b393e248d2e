"""Greedy continuations, many at a time: padded on the left, with a key-value cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from transformers import GenerationConfig

ROWS_AT_ONCE = 192  # a step over this many rows costs little more than over one, at the lab's size


def left_padded(
    prompts: Sequence[Sequence[int]], *, pad_id: int, device: torch.device
) -> dict[str, torch.Tensor]:
    """Prompts that end together, so that every next token stands at the same place.

    Padding on the right would put pads between prompt and answer.
    """
    length = max(map(len, prompts))
    gaps = [length - len(prompt) for prompt in prompts]
    ids = [[pad_id] * gap + list(prompt) for gap, prompt in zip(gaps, prompts, strict=True)]
    mask = [[0] * gap + [1] * (length - gap) for gap in gaps]
    return {
        "input_ids": torch.tensor(ids, device=device),
        "attention_mask": torch.tensor(mask, device=device),
    }


@torch.no_grad()
def greedy(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: Sequence[int],
    eos_id: int,
    pad_id: int,
    rows_at_once: int = ROWS_AT_ONCE,
) -> list[list[int]]:
    """Continue each prompt by its most likely token, again and again.

    Parameters
    ----------
    model : a Hugging Face causal language model
    prompts : sequence of token id sequences
    max_new_tokens : sequence of int
        A limit for each prompt.
    eos_id, pad_id : int
        A continuation ends before the end token.

    Returns
    -------
    list of list of int
        New tokens only, in the order of the prompts.
    """
    from transformers import GenerationConfig

    # Prompts of like length and limit share a batch: less padding, and no row waits for another.
    order = sorted(range(len(prompts)), key=lambda i: (max_new_tokens[i], len(prompts[i])))
    results: list[list[int]] = [[] for _ in prompts]
    for start in range(0, len(order), rows_at_once):
        chunk = order[start : start + rows_at_once]
        limit = max(max_new_tokens[i] for i in chunk)
        inputs = left_padded([prompts[i] for i in chunk], pad_id=pad_id, device=model.device)
        config = GenerationConfig(
            max_new_tokens=limit, do_sample=False, eos_token_id=eos_id, pad_token_id=pad_id
        )
        with _only(config, model):
            output = model.generate(**inputs, generation_config=config)
        fresh = output[:, inputs["input_ids"].shape[1] :].tolist()
        for i, tokens in zip(chunk, fresh, strict=True):
            results[i] = _until(tokens[: max_new_tokens[i]], eos_id)
    return results


_ONE_AT_A_TIME = RLock()


@contextmanager
def _only(config: GenerationConfig, model: Any) -> Iterator[None]:
    """Put the model's own preferences aside: a repetition penalty would fill a gap in `config`."""
    with _ONE_AT_A_TIME:  # a second thread would take our config for the model's own, and leave it there
        own, model.generation_config = model.generation_config, config
        try:
            yield
        finally:
            model.generation_config = own


def _until(tokens: list[int], eos_id: int) -> list[int]:
    return tokens[: tokens.index(eos_id)] if eos_id in tokens else tokens
