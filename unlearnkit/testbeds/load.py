"""Make a testbed by name."""

from __future__ import annotations

from pathlib import Path

import torch

from unlearnkit.errors import require_integer, unknown_name
from unlearnkit.resources import data_path
from unlearnkit.testbeds.atlas.checkpoints import TARGET, control_folder
from unlearnkit.testbeds.atlas.tasks import check_task, task_splits
from unlearnkit.testbeds.models import load_model, load_tokenizer
from unlearnkit.testbeds.testbed import Testbed, pick_device

KNOWN = ("atlas",)


def load_testbed(
    name: str = "atlas",
    *,
    fold: int = 1,
    task: str = "entities",
    model: str | Path | None = None,
    never_learned: str | Path | None = None,
    device: str | torch.device = "auto",
) -> Testbed:
    """Load an unlearning problem: rows, model, and the control that never learned them.

    Parameters
    ----------
    name : str
        "atlas": facts about 195 states and a model of half a million parameters that knows 168
        of them. Nothing is downloaded.
    fold : int
        Which part is forgotten. Entities: 0 to 6, 24 states each (6 is sealed until a release).
        Topic: 0 calling code, 1 capital, 2 ISO numeric code, 3 area rank. Fold 0 is for
        calibration only.
    task : {"entities", "topic"}
        Forget all about some states, or one relation of all states.
    model : path or hub id, optional
        Another causal language model. It then has no control unless `never_learned` is given.
    never_learned : path or hub id, optional
        The control of `model`: trained alike, without the rows to forget.
    device : str or torch.device
        "auto" takes the GPU where there is one.

    Raises
    ------
    UnknownName, BadInput
        For a testbed, task, fold or device that does not exist.
    MissingReference
        For a folder without a model.

    Examples
    --------
    >>> lab = load_testbed("atlas", fold=1)
    >>> len(lab.forget_shown.subjects), len(lab.retain.subjects)
    (12, 144)
    """
    if name not in KNOWN:
        raise unknown_name("testbed", name, KNOWN)
    require_integer("fold", fold)
    check_task(task, fold)
    where = pick_device(device)
    source, control = model, never_learned
    if source is None:
        source = data_path("lab", TARGET)
        control = control_folder(task, fold) if control is None else control
    splits = task_splits(task, fold)
    return Testbed(
        name=name,
        task=task,
        fold=fold,
        model=load_model(source, device=where),
        tokenizer=load_tokenizer(source),
        forget=splits.forget,
        forget_shown=splits.forget_shown,
        forget_heldout=splits.forget_heldout,
        retain=splits.retain,
        holdout=splits.holdout,
        verbatim_forget=splits.verbatim_forget,
        verbatim_retain=splits.verbatim_retain,
        device=where,
        load_control=None if control is None else (lambda: load_model(control, device=where)),
    )
