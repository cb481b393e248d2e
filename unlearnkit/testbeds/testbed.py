"""A testbed: a model, what it must forget and keep, and the control that never knew it."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from unlearnkit.errors import BadInput, MissingReference, require_integer
from unlearnkit.testbeds.batches import Batch, collate, sorted_chunks
from unlearnkit.testbeds.encoding import Encoded, encode_rows
from unlearnkit.testbeds.rows import Passage, Split

FROM_FILES = ("tofu", "muse", "wmdp")


@dataclass(frozen=True, eq=False, repr=False)
class Testbed:
    """One unlearning problem with its control; made by `load_testbed`.

    Attributes
    ----------
    name, task : str
    fold : int
    model : a Hugging Face causal language model, in evaluation mode
        The target: it knows everything. Nothing in unlearnkit changes it.
    tokenizer : its tokenizer
    forget : Split
        What an unlearner sees.
    forget_shown, forget_heldout : Split
        The two halves of what must be forgotten; attacks see only the first.
    retain : Split
        What must be kept.
    holdout : Split
        What no model was ever trained on, for membership tests.
    verbatim_forget, verbatim_retain : tuple of Passage
        The passages that verbatim memory is scored on.
    device : torch.device
    retain_shown : Split, optional
        What an unlearner trains on to keep the rest, where that is not `retain` itself: MUSE trains on books
        and asks questions about them.
    extra : mapping of str to Split
        What a benchmark has besides, by its own name: TOFU's "real_authors", MUSE's "privleak_forget".
    notes : tuple of str
        What its files lack, what was left alone, and what was cut.
    """

    __test__ = False  # the name starts with "Test", but pytest has nothing to collect here

    name: str
    task: str
    fold: int
    model: Any
    tokenizer: Any
    forget: Split
    forget_shown: Split
    forget_heldout: Split
    retain: Split
    holdout: Split
    verbatim_forget: tuple[Passage, ...]
    verbatim_retain: tuple[Passage, ...]
    device: torch.device
    load_control: Callable[[], Any] | None = None
    retain_shown: Split | None = None
    extra: Mapping[str, Split] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def kept(self) -> Split:
        """What an unlearner trains on so that the rest is kept: `retain_shown` where there is one."""
        return self.retain if self.retain_shown is None else self.retain_shown

    @property
    def has_control(self) -> bool:
        """Whether there is a model that never learned what must be forgotten."""
        return self.load_control is not None

    @cached_property
    def never_learned(self) -> Any:
        """The control: the same model trained without what must be forgotten.

        Raises
        ------
        MissingReference
            When the testbed has none. What it would have said is never guessed.
        """
        if self.load_control is None:
            raise MissingReference(
                f"testbed {self.name!r} has no never_learned model, so nothing says how deep is deep "
                "enough; train the same model without the forget rows and give its folder as "
                "never_learned=PATH"
            )
        return self.load_control()

    def encode(self, split: Split, *, loss_on: str = "answer") -> list[Encoded]:
        """Encode a split's rows; see `encode_row`."""
        return encode_rows(split.rows, self.tokenizer, loss_on=loss_on)

    def batches(
        self, split: Split, *, rows: int | None = None, batch_size: int = 64, loss_on: str = "answer"
    ) -> list[Batch]:
        """A split's rows as padded batches on the testbed's device, for `TokenMeanLoss` and its like.

        Parameters
        ----------
        split : Split
        rows : int, optional
            Take only so many, evenly spaced over the split.
        batch_size : int
            Rows a batch; rows of like length share one.
        loss_on : {"answer", "row"}
            See `encode_row`.

        Returns
        -------
        list of mapping
            Every row once, those of like length together.

        Raises
        ------
        BadInput
            For a batch size below 1, or more rows than the split has.

        Examples
        --------
        >>> import unlearnkit as uk
        >>> lab = uk.load_testbed("atlas", fold=1)
        >>> [len(batch["labels"]) for batch in lab.batches(lab.retain, rows=40, batch_size=16)]
        [16, 16, 8]
        """
        require_integer("batch_size", batch_size, minimum=1)
        encoded = self.encode(split, loss_on=loss_on)
        if rows is not None:
            require_integer("rows", rows, minimum=1, maximum=len(encoded))
            encoded = [encoded[i * len(encoded) // rows] for i in range(rows)]
        chunks = sorted_chunks(encoded, batch_size)
        pad_id = self.tokenizer.pad_token_id
        return [collate([encoded[i] for i in chunk], pad_id=pad_id, device=self.device) for chunk in chunks]

    @property
    def _headline(self) -> str:
        size = sum(p.numel() for p in self.model.parameters())
        control = "with" if self.has_control else "without"
        parts = [
            self.name,
            f"{self.task} task" if self.task else "",
            "" if self._is_read else f"fold {self.fold}",
        ]
        place = ", ".join(part for part in parts if part)
        return f"{place}: {size:,} parameters, {control} a never-learned control"

    @property
    def _is_read(self) -> bool:
        """Whether its rows come from files, which have no folds."""
        return self.name in FROM_FILES

    @property
    def _lacks(self) -> list[str]:
        """What some metric or attack would ask for, and is not there."""
        passages = (*self.verbatim_forget, *self.verbatim_retain)
        there = {"questions to forget": (*self.forget_shown.questions, *self.forget_heldout.questions),
                 "holdout": self.holdout.rows, "passages known by heart": passages}  # fmt: skip
        return [name for name, rows in there.items() if not rows]

    def __repr__(self) -> str:
        extra = "".join(f"; {name}: {len(split)} rows" for name, split in self.extra.items())
        lacks = f"; lacks {', '.join(self._lacks)}" if self._lacks else ""
        return f"<Testbed {self._headline}{extra}{lacks}>"

    def _repr_html_(self) -> str:
        named = (self.forget_shown, self.forget_heldout, self.retain, self.retain_shown, self.holdout)
        splits = [split for split in (*named, *self.extra.values()) if split is not None]
        lines = "".join(f"<li>{split._repr_html_()}</li>" for split in splits)
        lacks = [f"lacks {', '.join(self._lacks)}"] if self._lacks else []
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in (*lacks, *self.notes))
        return f"<b>{self._headline}</b><ul>{lines}{notes}</ul>"


def pick_device(device: str | torch.device) -> torch.device:
    """The device of a name; "auto" is the GPU where there is one."""
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError as error:
        raise BadInput(f'device: {device!r} is none; use "auto", "cpu" or "cuda"') from error
    if picked.type == "cuda" and not torch.cuda.is_available():
        raise BadInput(f'device: {device!r} given, but torch sees no GPU; use "auto" or "cpu"')
    return picked
