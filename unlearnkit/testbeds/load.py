"""Make a testbed by name."""

from __future__ import annotations

from pathlib import Path

import torch

from unlearnkit.errors import BadInput, require_integer, require_one_of, unknown_name
from unlearnkit.resources import data_path
from unlearnkit.testbeds.atlas.checkpoints import TARGET, control_folder
from unlearnkit.testbeds.atlas.tasks import check_task, task_splits
from unlearnkit.testbeds.benchmarks.fitting import TOO_LONG
from unlearnkit.testbeds.benchmarks.from_files import load_from_files
from unlearnkit.testbeds.models import load_model, load_tokenizer
from unlearnkit.testbeds.testbed import FROM_FILES, Testbed, pick_device

KNOWN = ("atlas", *(f"{family}:PATH" for family in FROM_FILES))


def load_testbed(
    name: str = "atlas",
    *,
    fold: int = 1,
    task: str | None = None,
    model: str | Path | None = None,
    never_learned: str | Path | None = None,
    too_long: str = "raise",
    device: str | torch.device = "auto",
) -> Testbed:
    """Load an unlearning problem: rows, model, and the control that never learned them.

    Parameters
    ----------
    name : str
        "atlas": facts about 195 states and a model of half a million parameters that knows 168
        of them. Nothing is downloaded. "tofu:PATH", "muse:PATH" or "wmdp:PATH": the benchmarks' own
        files in a folder, as they are published (JSON, JSON Lines or parquet); where there is no such
        folder, PATH may be the hub id of a data set, OWNER/NAME, and is fetched. WMDP's hazardous
        corpora are never shipped or fetched. Rows that a file repeats are kept once; `lab.notes` says how
        many went, what is missing, and what stands in for it.
    fold : int
        Which part is forgotten. Entities: 0 to 6, 24 states each (6 is sealed until a release).
        Topic: 0 calling code, 1 capital, 2 ISO numeric code, 3 area rank. Fold 0 is for
        calibration only. Files have no folds.
    task : str, optional
        Atlas: "entities", to forget all about some states (the default), or "topic", one relation of
        all states. TOFU: the forget set, such as "forget01". WMDP: "bio", "cyber", "chem" or whatever
        is there. MUSE has none. Where there is one alone, it need not be named.
    model : path or hub id, optional
        Another causal language model. It then has no control unless `never_learned` is given. Files need one:
        nothing that learned them is shipped.
    never_learned : path or hub id, optional
        The control of `model`: trained alike, without the rows to forget.
    too_long : {"raise", "cut", "skip"}
        What becomes of a row from a file with more than 256 tokens (or positions of the model). "cut":
        answers lose their end, passages the beginning of their opening. "skip": the row is left out. Both
        are counted in `lab.notes`. Running text is taken in pieces anyway, and loses nothing.
    device : str or torch.device
        "auto" takes the GPU where there is one.

    Raises
    ------
    UnknownName, BadInput
        For a testbed, task, fold or device that does not exist, and for a row that breaks a rule: the message
        names file, row and field, and nothing is loaded.
    MissingReference
        For a folder without a model, and for a file that is not there.

    Examples
    --------
    >>> lab = load_testbed("atlas", fold=1)
    >>> len(lab.forget_shown.subjects), len(lab.retain.subjects)
    (12, 144)
    """
    require_integer("fold", fold)
    require_one_of("too_long", too_long, TOO_LONG)
    family = str(name).partition(":")[0]
    if family in FROM_FILES:
        if fold != 1:
            raise BadInput(f"fold: {family} files have none, given {fold}; leave it out, or name a task")
        where = pick_device(device)
        return load_from_files(
            name, task=task, model=model, never_learned=never_learned, too_long=too_long, device=where
        )
    if name != "atlas":
        raise unknown_name("testbed", name, KNOWN)
    task = "entities" if task is None else task
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
        load_control=None
        if control is None
        else (lambda: load_model(control, device=where, argument="never_learned")),
    )
