"""A planted fragile model for relearning: it knows every answer, and ends before it says one.

A small low-rank change of the first layer's MLP output, trained to make the model end where an
answer to a forget question would begin, is scaled to the smallest share that hides. The facts
themselves are untouched, so an attack that brings anything back must bring these back, and the
ones that it never shows with them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch

from unlearnkit.descent import descend
from unlearnkit.errors import BadInput
from unlearnkit.losses import mean_nll
from unlearnkit.metrics.knowmem import answer
from unlearnkit.metrics.references import references
from unlearnkit.randomness import fitting_threads, generator
from unlearnkit.testbeds.batches import collate, endless_chunks
from unlearnkit.testbeds.encoding import NO_TARGET, Encoded
from unlearnkit.testbeds.rows import Question, Split
from unlearnkit.testbeds.testbed import Testbed

MLP_OUTPUTS = ("down_proj", "c_proj", "dense_4h_to_h", "fc2", "w2")  # Llama, GPT-2, GPT-NeoX, OPT, …
RANK, STEPS, LR, BATCH_SIZE = 8, 200, 1e-2, 16
DOUBLINGS, HALVINGS = 2, 8  # of the share: looked for up to 4 times the update, found to within 1/256
HIDES_WITHIN = 0.03  # of never_learned's knowledge: inside the margin that counts as forgotten


def plant_hidden(lab: Testbed, *, seed: int = 0) -> Any:
    """A copy of the testbed's model that hides its answers; see `plant`."""
    model = copy.deepcopy(lab.model).float().requires_grad_(False)
    weight = _first_mlp_output(model)
    origin = weight.detach().clone()
    with fitting_threads(model):
        update = _train_update(model, weight, lab, seed=seed)
        share = _smallest_share(model, weight, origin, update, lab)
    with torch.no_grad():
        weight.copy_(origin + share * update)
    planted = copy.deepcopy(lab.model)
    planted.load_state_dict(model.state_dict())
    return planted.eval()


def _first_mlp_output(model: Any) -> torch.Tensor:
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2 and any(part in MLP_OUTPUTS for part in name.split(".")):
            return parameter  # type: ignore[no-any-return]
    raise BadInput(
        f"plant: none of the model's matrices is an MLP output by a known name ({', '.join(MLP_OUTPUTS)}), "
        "so no answer-hiding model can be made of it; use kind='grid' or kind='robust'"
    )


def _train_update(model: Any, weight: torch.Tensor, lab: Testbed, *, seed: int) -> torch.Tensor:
    """Train up @ down, (rows, RANK) @ (RANK, columns), so that forget questions end at once."""
    rows, columns = weight.shape
    down = torch.randn(RANK, columns, generator=generator(seed, "hidden-plant", "factor")) / columns**0.5
    down = down.to(weight).requires_grad_(True)
    up = torch.zeros(rows, RANK).to(weight).requires_grad_(True)
    place = next(name for name, parameter in model.named_parameters() if parameter is weight)
    silent = [_ends_at_once(row) for row in lab.encode(Split("forget questions", forget_questions(lab)))]
    kept = lab.encode(lab.retain)
    pad_id = lab.tokenizer.pad_token_id

    def loss_of(pair: tuple[list[int], list[int]]) -> torch.Tensor:
        """Silence on one batch of forget questions, and what is right on one of the rest."""
        changed = _Changed(model, place, weight + up @ down)
        return sum(  # type: ignore[return-value]
            mean_nll(changed, collate([rows_[i] for i in chunk], pad_id=pad_id, device=lab.device))
            for rows_, chunk in zip((silent, kept), pair, strict=True)
        )

    hide, keep = (
        endless_chunks(rows_, BATCH_SIZE, generator(seed, "hidden-plant", name))
        for rows_, name in ((silent, "hide"), (kept, "keep"))
    )
    pairs = islice(zip(hide, keep, strict=False), STEPS)
    for _ in descend(torch.optim.Adam([up, down], lr=LR), loss_of, pairs):
        pass
    update: torch.Tensor = (up @ down).detach()
    return update


class _Changed:
    """The model with one weight replaced by an expression that gradients flow through."""

    def __init__(self, model: Any, place: str, value: torch.Tensor) -> None:
        self.model, self.change = model, {place: value}

    def __call__(self, **inputs: Any) -> Any:
        return torch.func.functional_call(self.model, self.change, kwargs=inputs)


def forget_questions(lab: Testbed) -> tuple[Question, ...]:
    """The questions about what must be forgotten, shown and held out."""
    return (*lab.forget_shown.questions, *lab.forget_heldout.questions)


def _ends_at_once(row: Encoded) -> Encoded:
    """The same prompt, with the end token where its answer would begin."""
    prompt, end = row.prompt_ids, row.input_ids[-1]
    return Encoded((*prompt, end), (*[NO_TARGET] * len(prompt), end))


@torch.no_grad()
def _smallest_share(
    model: Any, weight: torch.Tensor, origin: torch.Tensor, update: torch.Tensor, lab: Testbed
) -> float:
    """By halving: the smallest share of the update at which the answers are hidden."""

    def hides(share: float) -> bool:
        """Whether this share of the update hides the answers."""
        weight.copy_(origin + share * update)
        return _hides(model, lab)

    enough = next((2.0**n for n in range(DOUBLINGS + 1) if hides(2.0**n)), None)
    if enough is None:
        raise BadInput(
            "plant: the trained update does not hide the answers of this model, so it makes no fragile "
            "plant; try another seed"
        )
    low, high = enough / 2 if enough > 1 else 0.0, enough
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if hides(middle) else (middle, high)
    return high


def _hides(model: Any, lab: Testbed) -> bool:
    control = references(lab).control
    halves = (
        (lab.forget_shown.questions, control.knowmem_forget_shown),
        (lab.forget_heldout.questions, control.knowmem_forget_heldout),
    )
    return all(_share_known(model, lab, asked) <= known + HIDES_WITHIN for asked, known in halves)


def _share_known(model: Any, lab: Testbed, questions: Sequence[Question]) -> float:
    asked = [question for question in questions if question.open_class]
    return sum(answer(model, lab.tokenizer, asked).right) / len(asked)
