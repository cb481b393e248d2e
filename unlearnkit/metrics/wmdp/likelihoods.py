"""How likely a text is to go on in each of several ways.

The context and what follows are encoded together and cut where the context ends, as lm-evaluation-harness
does. Encoding " A" alone is a trap: a tokenizer may open every text with a token of its own, or close it, or
give a letter several tokens, so `encode(" A")[1:]` and `encode("A")[1]` are right for some tokenizers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.errors import BadInput, require_integer
from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.metrics.positions import require_positions

ROWS_AT_ONCE = 32
Pair = tuple[tuple[int, ...], tuple[int, ...]]  # the token ids of a context, and of what follows it


@dataclass(frozen=True)
class Continuation:
    """One way to go on.

    `log_likelihood`: its summed log-likelihood in nats; higher (nearer 0) means likelier. `tokens`: how many
    it has. `greedy`: whether each of them is the most likely one after those before it.
    """

    log_likelihood: float
    tokens: int
    greedy: bool


def encode_pair(tokenizer: Any, context: str, continuation: str) -> Pair:
    """The token ids of a context and of what follows it, encoded as one text.

    The tokenizer's opening token stands before the context if it has the habit; a closing one is taken off.

    Raises
    ------
    BadInput
        When either has no token: the first token of a text is predicted from nothing.
    """
    bare = (
        context.rstrip()
    )  # spaces at its end belong to what follows: there a tokenizer joins them to a word
    context, continuation = bare, context[len(bare) :] + continuation
    before, whole = (_ids(tokenizer, text) for text in (context, context + continuation))
    after = whole[len(before) :]
    if not before or not after:
        empty = "context" if not before else "continuation"
        raise BadInput(
            f"{empty}: {(context if not before else continuation)[-60:]!r} has no token of its own in this "
            "tokenizer, so its likelihood cannot be taken; word it otherwise"
        )
    return before, after


def _ids(tokenizer: Any, text: str) -> tuple[int, ...]:
    ids = tuple(tokenizer(text).input_ids)
    return ids[:-1] if ids and ids[-1] == tokenizer.eos_token_id else ids


def log_likelihoods(
    model: Any,
    tokenizer: Any,
    *,
    contexts: Sequence[str],
    continuations: Sequence[Sequence[str]],
    rows_at_once: int = ROWS_AT_ONCE,
    progress: bool = False,
) -> list[tuple[Continuation, ...]]:
    r"""Score several continuations of each context: sum over their tokens of log p(token | all before).

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed. Half-precision logits are scored in float32.
    tokenizer : its tokenizer
    contexts : sequence of str
    continuations : sequence of sequences of str
        For each context; with the space that parts them.
    rows_at_once : int
        Texts in one pass. Continuations of one token share their context's pass.
    progress : bool
        Show a bar.

    Returns
    -------
    list of tuple of Continuation
        In the order given.

    Raises
    ------
    BadInput
        For a context or continuation without tokens, and for texts longer than the model's positions.

    References
    ----------
    EleutherAI, lm-evaluation-harness: requests of the kind "loglikelihood".

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> (ways,) = log_likelihoods(lab.model, lab.tokenizer,
    ...     contexts=["Question: What is the capital of Peru?\nAnswer:"], continuations=[[" Lima", " Oslo"]])
    >>> ways[0].greedy, ways[0].log_likelihood > ways[1].log_likelihood
    (True, True)
    """
    require_integer("rows_at_once", rows_at_once, minimum=1)
    pairs = [
        encode_pair(tokenizer, context, continuation)
        for context, ways in zip(contexts, continuations, strict=True)
        for continuation in ways
    ]
    if not pairs:
        raise BadInput("continuations: none given, so nothing can be scored; give at least one")
    longest = max(len(context) + len(after) - 1 for context, after in pairs)
    require_positions(model, longest, what="contexts: the longest, with what follows it,")
    with evaluating(model):
        scored = iter(_score(model, pairs, rows_at_once, progress))
    return [tuple(next(scored) for _ in ways) for ways in continuations]


def _score(model: Any, pairs: Sequence[Pair], rows_at_once: int, progress: bool) -> list[Continuation]:
    # What the model must read is the same for continuations that differ in their last token only.
    readers: dict[tuple[int, ...], list[int]] = {}
    for i, (context, after) in enumerate(pairs):
        readers.setdefault(context + after[:-1], []).append(i)
    texts = sorted(readers, key=len)
    results: dict[int, Continuation] = {}
    starts = range(0, len(texts), rows_at_once)
    for start in tqdm(starts, desc="likelihoods", disable=not progress, leave=False):
        chunk = texts[start : start + rows_at_once]
        for text, logits in zip(chunk, _logits(model, chunk), strict=True):
            for i in readers[text]:
                results[i] = _continuation(logits[: len(text)], pairs[i][1])
    return [results[i] for i in range(len(pairs))]


def _logits(model: Any, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """The logits after each token of texts that are padded on the right: (texts, length, vocabulary)."""
    length = max(map(len, texts))
    ids = [[*text, *[0] * (length - len(text))] for text in texts]  # what the pads say is never looked at
    mask = [[1] * len(text) + [0] * (length - len(text)) for text in texts]
    given = {"input_ids": ids, "attention_mask": mask}
    tensors = {name: torch.tensor(values, device=model.device) for name, values in given.items()}
    logits: torch.Tensor = model(**tensors, use_cache=False).logits
    return logits


def _continuation(logits: torch.Tensor, after: Sequence[int]) -> Continuation:
    """Score the last tokens from the logits of the text that leads to each of them."""
    asked = logits[-len(after) :]
    log_probs = asked.to(torch.promote_types(asked.dtype, torch.float32)).log_softmax(dim=-1)
    tokens = torch.tensor(list(after), device=asked.device)
    total = log_probs.gather(1, tokens[:, None]).double().sum().item()
    return Continuation(total, len(after), bool((asked.argmax(dim=-1) == tokens).all()))
