"""Which facts a model answers word for word, in one forward pass for all of them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from unlearnkit.errors import BadInput, require_integer
from unlearnkit.losses import NO_TARGET, predictions
from unlearnkit.metrics import normalise
from unlearnkit.testbeds.batches import Batch, collate, sorted_chunks
from unlearnkit.testbeds.encoding import encode_rows
from unlearnkit.testbeds.rows import Question
from unlearnkit.testbeds.testbed import Testbed

ROWS_AT_ONCE = 48  # the fastest on a CPU at the lab's size: little padding, and the caches hold it


@dataclass(frozen=True)
class Facts:
    """What is asked: open-class questions of both halves of what must be forgotten, and of what is kept."""

    shown: tuple[Question, ...]
    heldout: tuple[Question, ...]
    retain: tuple[Question, ...]

    @property
    def forget(self) -> tuple[Question, ...]:
        """Both halves, the shown one first."""
        return self.shown + self.heldout

    @property
    def all(self) -> tuple[Question, ...]:
        """Every question in order: shown, held out, retain."""
        return self.forget + self.retain


def facts_of(lab: Testbed, *, forget_facts: int | None, retain_facts: int) -> Facts:
    """Open-class questions of a testbed, evenly spaced over each split.

    Parameters
    ----------
    lab : Testbed
    forget_facts : int, optional
        Over both halves, as they stand to each other; all if not given.
    retain_facts : int
    """
    shown, heldout, retain = (
        [question for question in split.questions if question.open_class and normalise(question.answer)]
        for split in (lab.forget_shown, lab.forget_heldout, lab.retain)
    )
    forget = len(shown) + len(heldout)
    if not shown or not heldout or not retain:
        raise BadInput(
            f"lab: testbed {lab.name!r} has {len(shown)} shown, {len(heldout)} held-out and {len(retain)} "
            "kept open-class questions, and each must be at least 1; a certificate is about answers to "
            "questions"
        )
    require_integer("retain_facts", retain_facts, minimum=1, maximum=len(retain),
                    hint="Without kept facts nothing tells forgetting from a wreck.")  # fmt: skip
    if forget_facts is None:
        return Facts(tuple(shown), tuple(heldout), _spread(retain, retain_facts))
    require_integer("forget_facts", forget_facts, minimum=2, maximum=forget, hint="Both halves are asked.")
    first = min(max(round(forget_facts * len(shown) / forget), 1), forget_facts - 1)
    return Facts(_spread(shown, first), _spread(heldout, forget_facts - first), _spread(retain, retain_facts))


def _spread(questions: Sequence[Question], count: int) -> tuple[Question, ...]:
    return tuple(questions[place * len(questions) // count] for place in range(count))


class ExactAnswers:
    """Asks models whether their greedy answers are the true ones, token by token, the end token included.

    The true answer is fed, and every one of its tokens must be the most likely one after those before it.
    While all are, greedy decoding gives just these tokens; at the first that is not it gives another. So this
    is greedy decoding's answer to "is it exactly the true one", at one forward pass for all facts. Knowledge
    memory (`uk.metrics.evaluate`) also counts answers that differ in capitals or punctuation only: it is
    never below this one.

    Parameters
    ----------
    questions : sequence of Question
    tokenizer : the models' tokenizer
    device : where the models are
    """

    def __init__(self, questions: Sequence[Question], tokenizer: Any, device: torch.device) -> None:
        self.questions = tuple(questions)
        rows = encode_rows(self.questions, tokenizer)
        chunks = sorted_chunks(rows, ROWS_AT_ONCE)
        pad_id = tokenizer.pad_token_id
        self.batches = [collate([rows[i] for i in chunk], pad_id=pad_id, device=device) for chunk in chunks]
        self._asked = [_Asked.of(batch) for batch in self.batches]
        self._order = torch.tensor([i for chunk in chunks for i in chunk], device=device)

    @torch.no_grad()
    def __call__(self, model: Any) -> torch.Tensor:
        """Whether each answer is exactly the true one: bool, (questions,), on the CPU."""
        pairs = zip(self.batches, self._asked, strict=True)
        sorted_hits = torch.cat([asked.hits(model, batch) for batch, asked in pairs])
        hits = torch.empty_like(sorted_hits)
        hits[self._order] = sorted_hits
        return hits.cpu()


@dataclass(frozen=True)
class _Asked:
    """Where a batch's answers stand: columns that hold any, and which cells of these are asked."""

    columns: torch.Tensor
    cells: torch.Tensor
    targets: torch.Tensor

    @classmethod
    def of(cls, batch: Batch) -> _Asked:
        """Look where the labels are."""
        targets = batch["labels"][:, 1:]
        cells = targets != NO_TARGET
        columns = cells.any(dim=0).nonzero().flatten()
        return cls(columns, cells[:, columns], targets[:, columns])

    def hits(self, model: Any, batch: Batch) -> torch.Tensor:
        """For each row, whether all asked tokens are the most likely ones."""
        told = self._logits(model, batch).argmax(dim=-1)
        return ((told == self.targets) | ~self.cells).all(dim=1)

    def _logits(self, model: Any, batch: Batch) -> torch.Tensor:
        """Of the answers' columns; others are not computed where the model can leave them out."""
        if "logits_to_keep" not in inspect.signature(model.forward).parameters:
            return predictions(model, batch)[0][:, self.columns]
        output = model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False,
            logits_to_keep=self.columns,
        )  # fmt: skip
        logits: torch.Tensor = output.logits
        return logits
