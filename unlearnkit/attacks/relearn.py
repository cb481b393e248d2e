"""Relearning: fine-tune on some of what was forgotten, and see whether the rest comes back.

The attacker sees `forget_shown` only. Facts of `forget_heldout`, which it never shows, are the
yardstick, beside the never-learned control under the same attack: a model that never knew a fact
learns it from being shown, too. An attacker without any of them fine-tunes on what was kept, or on
facts that no model ever saw.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.attacks.kind import COUNT, NUMBER, WORD, AttackKind, Params, shortest
from unlearnkit.descent import descend
from unlearnkit.errors import BadInput, require_fraction, require_integer, require_one_of, require_positive
from unlearnkit.losses import mean_nll
from unlearnkit.randomness import fitting_threads, generator, global_stream
from unlearnkit.testbeds.batches import collate, endless_chunks
from unlearnkit.testbeds.rows import Split
from unlearnkit.testbeds.testbed import Testbed

BATCH_SIZE = 16
DEFAULT_LR = 1e-4
DEFAULT_ROWS = "shown"
ROWS = {"shown": "forget_shown", "retain": "retain", "unrelated": "holdout"}  # splits of a testbed


def relearn(
    model: Any,
    lab: Testbed,
    *,
    steps: int = 100,
    lr: float = DEFAULT_LR,
    batch_size: int = BATCH_SIZE,
    rows: str = DEFAULT_ROWS,
    seed: int = 0,
    progress: bool = False,
) -> Any:
    """A copy of the model, fine-tuned: by default on the shown half of what was forgotten.

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
    rows : {"shown", "retain", "unrelated"}
        What the attacker has: `lab.forget_shown`; `lab.retain`, what was kept; or `lab.holdout`, what no
        model was ever trained on. With the last two it sees nothing of what was forgotten, so whatever
        comes back was still there. On the topic task `lab.holdout` asks the forgotten relation, too, of
        states that nobody learned: not the facts, but the form of their answers.
    seed : int
        Decides the order of rows.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    A new model, in evaluation mode.

    Raises
    ------
    UnknownName, BadInput
        For other rows, a split that is empty, or a number out of range.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> attacked = relearn(lab.never_learned, lab, steps=2)
    >>> attacked is lab.never_learned
    False
    """
    curve = relearn_curve(
        model, lab, steps=[steps], lr=lr, batch_size=batch_size, rows=rows, seed=seed, progress=progress
    )
    return next(curve)[1]


def relearn_curve(
    model: Any,
    lab: Testbed,
    *,
    steps: Sequence[int],
    lr: float = DEFAULT_LR,
    batch_size: int = BATCH_SIZE,
    rows: str = DEFAULT_ROWS,
    seed: int = 0,
    progress: bool = False,
) -> Iterator[tuple[int, Any]]:
    """One relearning attack seen at several budgets: yields (steps, model) as each is reached.

    Takes as many steps as the largest budget, and gives at each budget what `relearn` would.
    """
    budgets = check_budgets(steps, lr=lr, batch_size=batch_size, seed=seed)
    split = rows_of(lab, rows)
    attacked = copy.deepcopy(model).float().train().requires_grad_(True)  # an attacker trains every weight
    optimizer = torch.optim.AdamW(attacked.parameters(), lr=lr)
    encoded, pad_id = lab.encode(split), lab.tokenizer.pad_token_id
    chunks = endless_chunks(encoded, batch_size, generator(seed, "relearn"))
    batches = (
        collate([encoded[i] for i in chunk], pad_id=pad_id, device=lab.device)
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


def rows_of(lab: Testbed, rows: str) -> Split:
    """The split that relearning trains on.

    Raises
    ------
    UnknownName, BadInput
        For other names than "shown", "retain" and "unrelated", and for an empty split.
    """
    require_one_of("rows", rows, ROWS)
    split: Split = getattr(lab, ROWS[rows])
    if not split.rows:
        raise BadInput(
            f'rows: testbed {lab.name!r} has no row in `{ROWS[rows]}`, so "{rows}" leaves nothing to train '
            "on; choose other rows"
        )
    return split


def check_budgets(steps: Sequence[int], *, lr: float, batch_size: int, seed: int) -> list[int]:
    """The budgets in order, each once; raises BadInput for what no attack can be run with."""
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


def _read(parts: Mapping[str, str | None]) -> Params:
    steps, rows = int(parts["steps"] or 0), parts["rows"] or DEFAULT_ROWS
    lr = float(parts["lr"] or DEFAULT_LR)
    require_integer("attacks: steps", steps, minimum=1)
    require_fraction("attacks: rate", lr)
    require_one_of("attacks: rows", rows, ROWS)
    params: Params = (("steps", steps), ("lr", lr))
    return params if rows == DEFAULT_ROWS else (*params, ("rows", rows))


def _write(params: Mapping[str, Any]) -> str:
    rows = f":{params['rows']}" if "rows" in params else ""
    rate = "" if params["lr"] == DEFAULT_LR else f"@{shortest(params['lr'])}"
    return f"relearn-{params['steps']}{rows}{rate}"


def _run(model: Any, lab: Testbed, settings: Sequence[Params], seed: int) -> Iterator[tuple[Params, Any]]:
    """Attacks that differ in their budget only are one training seen at several."""
    curves: dict[tuple[float, str], dict[int, Params]] = {}
    for params in settings:
        chosen = dict(params)
        key = chosen["lr"], chosen.get("rows", DEFAULT_ROWS)
        curves.setdefault(key, {})[chosen["steps"]] = params
    for (lr, rows), budgets in curves.items():
        for steps, attacked in relearn_curve(model, lab, steps=list(budgets), lr=lr, rows=rows, seed=seed):
            yield budgets[steps], attacked


RELEARN = AttackKind(
    name="relearn",
    forms="relearn-STEPS, with :retain or :unrelated and @RATE as wanted",
    pattern=rf"relearn-(?P<steps>{COUNT})(?::(?P<rows>{WORD}))?(?:@(?P<lr>{NUMBER}))?",
    read=_read,
    write=_write,
    run=_run,
)
