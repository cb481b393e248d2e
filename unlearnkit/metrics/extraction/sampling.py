"""Continuations drawn from a model, many at a time, from random numbers of the caller's own.

transformers' own `generate` draws from torch's global state. Here every continuation brings one uniform
number for each of its tokens, so that it does not depend on which others share its batch.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.metrics.generation import left_padded

ROWS_AT_ONCE = 192  # as for greedy continuations


def sampled(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    uniforms: torch.Tensor,
    eos_id: int,
    pad_id: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
    rows_at_once: int = ROWS_AT_ONCE,
    progress: bool = False,
) -> list[list[int]]:
    """Continue each prompt by tokens drawn from softmax(logits / temperature).

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed.
    prompts : sequence of token id sequences
    uniforms : Tensor of float64 (prompts, new tokens)
        Between 0 and 1, 1 excluded. The token drawn is the first whose cumulative probability is above its
        number. The width is the limit of new tokens.
    eos_id, pad_id : int
        A continuation ends before the end token.
    temperature : float
        0 takes the likeliest token each time.
    top_p : float
        Draw from the smallest set of likeliest tokens whose probabilities sum to so much; 1 is all of them.
    rows_at_once : int
        Prompts in one pass.
    progress : bool
        Show a bar.

    Returns
    -------
    list of list of int
        New tokens only, in the order of the prompts.
    """
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))  # like lengths share a batch
    results: list[list[int]] = [[] for _ in prompts]
    starts = range(0, len(order), rows_at_once)
    with evaluating(model):
        for start in tqdm(starts, desc="samples", disable=not progress, leave=False):
            chunk = order[start : start + rows_at_once]
            inputs = left_padded([prompts[i] for i in chunk], pad_id=pad_id, device=model.device)
            numbers = uniforms[chunk].to(model.device)
            fresh = _continue(model, inputs, numbers, eos_id, temperature, top_p)
            for i, tokens in zip(chunk, fresh, strict=True):
                results[i] = tokens[: tokens.index(eos_id)] if eos_id in tokens else tokens
    return results


def _continue(
    model: Any,
    inputs: dict[str, torch.Tensor],
    numbers: torch.Tensor,
    eos_id: int,
    temperature: float,
    top_p: float,
) -> list[list[int]]:
    """Step by step with a key-value cache, until every row has ended or its numbers are used up."""
    mask, ids = inputs["attention_mask"], inputs["input_ids"]
    places = (mask.cumsum(dim=1) - 1).clamp(min=0)  # the pads on the left take no place
    takes_places = _takes_places(model)
    cache: dict[str, Any] = {}
    fresh = []
    ended = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    for step in range(numbers.shape[1]):
        given = {**cache, **({"position_ids": places} if takes_places else {})}
        output = model(input_ids=ids, attention_mask=mask, use_cache=True, **given)
        token = draw(output.logits[:, -1], numbers[:, step], temperature=temperature, top_p=top_p)
        fresh.append(token)
        ended |= token == eos_id
        if ended.all():
            break
        name = "cache" if "cache" in output else "past_key_values"  # transformers renamed it within 5
        cache, ids, places = {name: output[name]}, token[:, None], places[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
    rows: list[list[int]] = torch.stack(fresh, dim=1).tolist()
    return rows


def _takes_places(model: Any) -> bool:
    """Whether a model is told where each token stands; some take it from the attention mask."""
    bare = model.get_base_model() if hasattr(model, "get_base_model") else model  # adapters hide it
    return "position_ids" in inspect.signature(bare.forward).parameters


def draw(
    logits: torch.Tensor, numbers: torch.Tensor, *, temperature: float = 1.0, top_p: float = 1.0
) -> torch.Tensor:
    """One token for each row of logits, by inverting its cumulative probabilities at a uniform number.

    Parameters
    ----------
    logits : Tensor (rows, vocabulary)
    numbers : Tensor of float64 (rows,)
    temperature, top_p : float
        See `sampled`.

    Returns
    -------
    Tensor of int (rows,)

    Examples
    --------
    >>> logits = torch.tensor([[0.5, 0.3, 0.2]]).log().repeat(3, 1)
    >>> draw(logits, torch.tensor([0.49, 0.51, 0.81])).tolist()
    [0, 1, 2]
    >>> draw(logits, torch.tensor([0.49, 0.51, 0.81]), top_p=0.6).tolist()
    [0, 0, 1]
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities, tokens = (logits.double() / temperature).softmax(dim=-1).sort(dim=-1, descending=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    kept = probabilities.where(before < top_p, 0.0)
    sums = kept.cumsum(dim=-1)
    # The last sum is the kept tokens' whole probability: numbers are stretched to it, and stay below it.
    place = torch.searchsorted(sums, numbers[:, None].double() * sums[:, -1:], right=True)
    last = ((kept > 0).sum(dim=-1, keepdim=True) - 1).clamp(min=0)  # -1 where a model diverged to NaN
    return tokens.gather(1, place.minimum(last)).squeeze(1)
