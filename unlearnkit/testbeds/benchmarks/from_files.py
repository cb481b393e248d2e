"""Testbeds whose rows stand in files: TOFU's, MUSE's and WMDP's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.testbeds.benchmarks.fitting import Fitting
from unlearnkit.testbeds.benchmarks.halves import halves
from unlearnkit.testbeds.benchmarks.muse import muse_parts, read_muse
from unlearnkit.testbeds.benchmarks.tofu import read_tofu, tofu_parts
from unlearnkit.testbeds.benchmarks.wmdp import read_wmdp, wmdp_parts
from unlearnkit.testbeds.files.hub import folder_of
from unlearnkit.testbeds.files.located import Contents, LocatedRows
from unlearnkit.testbeds.models import load_model, load_tokenizer, longest_row, require_source
from unlearnkit.testbeds.rows import Passage, Split
from unlearnkit.testbeds.testbed import Testbed

Reader = Callable[[Path, str | None], Contents]
READERS: dict[str, Reader] = {"tofu": read_tofu, "muse": read_muse, "wmdp": read_wmdp}
PARTS = {"tofu": tofu_parts, "muse": muse_parts, "wmdp": wmdp_parts}  # of a data set on the hub


def load_from_files(
    name: str,
    *,
    task: str | None,
    model: str | Path | None,
    never_learned: str | Path | None,
    too_long: str,
    device: torch.device,
) -> Testbed:
    """Read "tofu:PATH" and the like, and put a model beside it; see `load_testbed`.

    Everything is checked before the model is loaded.
    """
    family, _, path = name.partition(":")
    if not path.strip():
        raise BadInput(
            f'testbed: "{name}" names no rows; write "{family}:PATH", a folder of {family.upper()} files, or '
            f'"{family}:OWNER/NAME", a data set on the hub'
        )
    if model is None:
        raise MissingReference(
            f'model: "{family}:…" is rows alone, and no model that learned them is shipped; give one as '
            "model=PATH, its folder or its hub id"
        )
    require_source("model", model)
    if never_learned is not None:
        require_source("never_learned", never_learned)
    contents = READERS[family](folder_of(family, path, PARTS[family](task)), task)
    tokenizer = load_tokenizer(model)
    fitting = Fitting(tokenizer, longest_row(model), too_long)
    splits = fitted_splits(contents, fitting)
    control = never_learned
    return Testbed(
        name=family,
        task=contents.task,
        fold=1,
        model=load_model(model, device=device),
        tokenizer=tokenizer,
        device=device,
        load_control=None
        if control is None
        else (lambda: load_model(control, device=device, argument="never_learned")),
        notes=(*contents.notes, *fitting.notes()),
        **splits,
    )


def fitted_splits(contents: Contents, fitting: Fitting) -> dict[str, Any]:
    """The splits of a testbed, by their names there."""
    forget, asked = fitting.rows("forget", contents.forget), fitting.rows("forget questions", contents.asked)
    (texts_shown, texts_heldout), (asked_shown, asked_heldout) = halves(forget), halves(asked)
    shown, heldout = (*texts_shown, *asked_shown), (*texts_heldout, *asked_heldout)
    extra = {part: fitting.rows(part, rows) for part, rows in contents.extra.items()}
    verbatim = fitting.rows("verbatim passages", contents.verbatim)
    kept = contents.retain_shown
    return {
        "forget": _split("forget", forget if contents.sees == "all" else texts_shown),
        "forget_shown": _split("forget_shown", shown),
        "forget_heldout": _split("forget_heldout", heldout),
        "retain": _split("retain", fitting.rows("retain", contents.retain)),
        "retain_shown": None if kept is None else _split("retain_shown", fitting.rows("retain_shown", kept)),
        "holdout": _split("holdout", fitting.rows("holdout", contents.holdout)),
        "verbatim_forget": tuple(each.row for each in verbatim if isinstance(each.row, Passage)),
        "verbatim_retain": (),
        "extra": {part: _split(part, rows) for part, rows in extra.items()},
    }


def _split(name: str, rows: LocatedRows) -> Split:
    return Split(name, tuple(located.row for located in rows))
