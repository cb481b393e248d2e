"""Write the atlas in a benchmark's own format: a folder that is there whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from unlearnkit.errors import BadInput, require_integer, require_one_of
from unlearnkit.files import in_words, make_folder, write_whole
from unlearnkit.testbeds.atlas.checkpoints import control_folder
from unlearnkit.testbeds.atlas.tasks import check_task
from unlearnkit.testbeds.export.card import card
from unlearnkit.testbeds.export.facts import Facts
from unlearnkit.testbeds.export.muse import muse_files
from unlearnkit.testbeds.export.tofu import tofu_files
from unlearnkit.testbeds.export.wmdp import wmdp_files

FORMATS: dict[str, Callable[[Facts], Mapping[str, Sequence[Any]]]] = {
    "tofu": tofu_files,
    "muse": muse_files,
    "wmdp": wmdp_files,
}
CARD = "README.md"
# What an export may have written, of any format: all that overwriting may replace.
OURS = re.compile(
    r"README\.md|(forget|retain)\d\d(_perturbed)?\.json|retain_perturbed\.json"
    r"|(real_authors|world_facts)(_perturbed)?\.json|(forget|retain)(_corpus)?\.jsonl"
    r"|knowmem/(forget|retain)_qa(_icl)?\.json|verbmem/forget\.json|privleak/(forget|retain|holdout)\.json"
    r"|raw/(forget|holdout|retain1|retain2)\.(json|txt)"
)


@dataclass(frozen=True)
class Export:
    """What was written: the rows of each file, by its path below the folder."""

    format: str
    task: str
    fold: int
    folder: str
    rows: dict[str, int]

    @property
    def name(self) -> str:
        """What `load_testbed` reads it as: "tofu:FOLDER"."""
        return f"{self.format}:{self.folder}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self) | {"name": self.name}

    def _repr_html_(self) -> str:
        lines = "".join(f"<tr><td>{name}</td><td>{count}</td></tr>" for name, count in self.rows.items())
        return f"<table><tr><th>{self.format} file</th><th>rows</th></tr>{lines}</table>"


def export_testbed(
    folder: str | Path, form: str, *, task: str = "entities", fold: int = 1, overwrite: bool = False
) -> Export:
    """Write the atlas in the format of TOFU, MUSE or WMDP.

    The facts are of states, harmless, and free to pass on (MIT). `load_testbed("tofu:FOLDER", model=…)`
    reads them back, and so does whatever reads the benchmark itself. A README.md beside them says what they
    are.

    Parameters
    ----------
    folder : str or Path
        Where; it appears whole or not at all.
    form : {"tofu", "muse", "wmdp"}
        What the files look like; questions also name their subject, relation, class and half. MUSE's
        unlearner reads pages only, WMDP's reads whatever the lab's does, as running text.
    task, fold
        As for `load_testbed`.
    overwrite : bool
        Whether an earlier export may be replaced; a folder with any other file in it never is.

    Returns
    -------
    Export

    Raises
    ------
    UnknownName, BadInput
        For a format, task or fold that does not exist; for a folder that holds files. Nothing was written.
    CannotWrite
        When the system refuses; what was there before still is.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     export = export_testbed(Path(folder) / "atlas", "wmdp", task="topic")
    ...     line = (Path(folder) / "atlas" / "forget.jsonl").read_text(encoding="utf-8").splitlines()[0]
    >>> export.rows["forget.jsonl"]
    157
    >>> print(line)
    {"question": "What is the capital of Afghanistan?", "choices": ["Baghdad", ...], "answer": 3, ...}
    """
    require_one_of("format", form, FORMATS)
    require_integer("fold", fold)
    check_task(task, fold)
    control_folder(task, fold)  # refuses the sealed fold
    place = Path(folder)
    _require_free(place, overwrite=overwrite)
    files = FORMATS[form](Facts.of(task, fold))
    rows = {name: len(content) for name, content in files.items()}
    export = Export(form, task, fold, str(folder), rows)
    texts = {CARD: card(form, task, fold, rows)}
    for name, content in files.items():
        texts |= _written(form, name, content)
    _put(place, texts)
    return export


def _written(form: str, name: str, content: Sequence[Any]) -> dict[str, str]:
    """A file's text by its name: lines, or for MUSE an array, whose raw texts also stand in a plain file."""
    if form != "muse":
        return {name: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)}
    array = {name: json.dumps(content, ensure_ascii=False, indent=1) + "\n"}
    if name.startswith("raw/"):
        array[name.removesuffix("json") + "txt"] = "\n\n".join(content)
    return array


def _require_free(place: Path, *, overwrite: bool) -> None:
    if place.exists() and not place.is_dir():
        raise BadInput(f"out: {place} is a file; name another folder")
    held = sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if not p.is_dir())
    if held and not overwrite:
        raise BadInput(f"out: {place} holds files already; name another folder, or add --overwrite")
    foreign = [name for name in held if not OURS.fullmatch(name)]
    if foreign:
        raise BadInput(
            f"out: {place} holds {foreign[0]}, which no export wrote and which would be lost; "
            "name another folder"
        )


def _put(place: Path, texts: Mapping[str, str]) -> None:
    """Write beside the place, then put the whole folder there."""
    place = place.absolute()
    draft = place.with_name(f".{place.name}.{uuid4().hex}.unfinished")
    try:
        for name, text in texts.items():
            make_folder((draft / name).parent)
            write_whole(draft / name, text)
        _swap(draft, place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _swap(draft: Path, place: Path) -> None:
    """The draft in place of what is there; what was there goes away last, and comes back if that fails."""
    old = place.with_name(f"{draft.name}.old")
    try:
        if place.exists():
            place.rename(old)
        try:
            draft.rename(place)
        except BaseException:
            if old.exists():
                old.rename(place)
            raise
    except OSError as error:
        raise in_words(place, error) from error
    shutil.rmtree(old, ignore_errors=True)
