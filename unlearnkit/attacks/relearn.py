"""Relearning: fine-tune on some of what was forgotten, and see whether the rest comes back.

The attacker sees `forget_shown` only. Facts of `forget_heldout`, which it never shows, are the
yardstick, beside the never-learned control under the same attack: a model that never knew a fact
learns it from being shown, too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.descent import descend
from unlearnkit.errors import BadInput, require_integer, require_positive
from unlearnkit.losses import mean_nll
from unlearnkit.randomness import fitting_threads, generator, global_stream
from unlearnkit.testbeds.batches import collate, endless_chunks
from unlearnkit.testbeds.testbed import Testbed

BATCH_SIZE = 16


def relearn(
    model: Any,
    lab: Testbed,
    *,
    steps: int = 100,
    lr: float = 1e-4,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    progress: bool = False,
) -> Any:
    """A copy of the model, fine-tuned on the shown half of what was forgotten.

    Always by AdamW with torch's other settings, whatever unlearned, so that no optimizer meets an
    easier attacker than another.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Never changed.
    lab : Testbed
    steps : int
    lr : float
    batch_size : int
        Rows a step.
    seed : int
        Decides the order of rows.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    A new model, in evaluation mode.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> attacked = relearn(lab.never_learned, lab, steps=2)
    >>> attacked is lab.never_learned
    False
    """
    curve = relearn_curve(
        model, lab, steps=[steps], lr=lr, batch_size=batch_size, seed=seed, progress=progress
    )
    return next(curve)[1]


def relearn_curve(
    model: Any,
    lab: Testbed,
    *,
    steps: Sequence[int],
    lr: float = 1e-4,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    progress: bool = False,
) -> Iterator[tuple[int, Any]]:
    """One relearning attack seen at several budgets: yields (steps, model) as each is reached.

    Takes as many steps as the largest budget, and gives at each budget what `relearn` would.
    """
    budgets = _check(steps, lr=lr, batch_size=batch_size, seed=seed)
    attacked = copy.deepcopy(model).float().train().requires_grad_(True)  # an attacker trains every weight
    optimizer = torch.optim.AdamW(attacked.parameters(), lr=lr)
    rows, pad_id = lab.encode(lab.forget_shown), lab.tokenizer.pad_token_id
    chunks = endless_chunks(rows, batch_size, generator(seed, "relearn"))
    batches = (
        collate([rows[i] for i in chunk], pad_id=pad_id, device=lab.device)
        for chunk in islice(chunks, budgets[-1])
    )
    taken = descend(optimizer, lambda batch: mean_nll(attacked, batch), batches)
    with tqdm(total=budgets[-1], desc="relearn", disable=not progress, leave=False) as bar:
        for step in range(1, budgets[-1] + 1):
            with (
                fitting_threads(attacked),
                global_stream(seed, "relearn-dropout", step),
            ):  # a stream a step: the caller may draw, too
                next(taken)
            bar.update()
            if step in budgets:
                yield step, _snapshot(attacked, model)


def _check(steps: Sequence[int], *, lr: float, batch_size: int, seed: int) -> list[int]:
    if not steps:
        raise BadInput("steps: at least one budget is needed, none was given; try steps=[25, 100]")
    for budget in steps:
        require_integer("steps", budget, minimum=1)
    require_positive("lr", lr)
    require_integer("batch_size", batch_size, minimum=1)
    require_integer("seed", seed)
    return sorted(set(steps))


def _snapshot(attacked: Any, model: Any) -> Any:
    """The attacked weights as they stand, in the dtype that the model is kept in."""
    copied = copy.deepcopy(attacked)
    copied.zero_grad(set_to_none=True)
    return copied.to(next(model.parameters()).dtype).eval()
