"""RunStore: the runs that were made, and which survived."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from unlearnkit.errors import BadInput, UnlearnkitError
from unlearnkit.records import entries, lines, look
from unlearnkit.records.database import Database
from unlearnkit.records.entries import ATTACKED, OtherResult
from unlearnkit.records.judge_again import rejudge
from unlearnkit.records.lines import Imported
from unlearnkit.records.reading import Records
from unlearnkit.records.remake import digest_of, model_of
from unlearnkit.records.results import read_results
from unlearnkit.records.rows import LONGEST_NOTE, check_tag, check_text, take_apart
from unlearnkit.records.rules import RULE
from unlearnkit.records.weights import WEIGHTS_CAP, WeightFiles

if TYPE_CHECKING:
    from unlearnkit.testbeds import Testbed


class ReadOnly(UnlearnkitError):
    """The records that ship are not changed."""


class RunStore(Records):
    """Runs in one SQLite file, with their attacks, tags and notes; weights in a folder beside it.

    Several threads and processes may use one file at once. Each change is there whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file, such as "runs.sqlite"; it is made if there is none. Weights lie in "runs.weights".
    create : bool
        Whether a missing file is made; else it raises.
    weights_cap : float
        Bytes that the weights may take; beyond it those not used for longest are removed, and made
        again when asked for.

    Raises
    ------
    MissingReference
        Without `create`, when there is no such file.
    BadInput, StoreFault
        For a file of another program, of a newer unlearnkit, or one that cannot be opened.

    Examples
    --------
    >>> import tempfile, unlearnkit as uk
    >>> folder = tempfile.TemporaryDirectory()
    >>> with uk.records.RunStore(f"{folder.name}/runs.sqlite") as store:
    ...     for row in uk.records.default_store().rows():
    ...         _ = store.add(row)
    ...     print(store.count(tag="robustness-test", optimizer="adam") > 0)
    True
    """

    def __init__(self, path: str | Path, *, create: bool = True, weights_cap: float = WEIGHTS_CAP) -> None:
        self.path = Path(path)
        self._files: WeightFiles | None = WeightFiles(_beside(self.path), weights_cap)
        self._database = Database(self.path, create=create)
        self._read_only = False

    @classmethod
    def in_memory(cls, contents: Iterable[Mapping[str, Any]] = (), *, read_only: bool = False) -> Self:
        """A store without a file, filled with the contents of several results.json; it keeps no weights."""
        store = cls.__new__(cls)
        store.path, store._files, store._database, store._read_only = None, None, Database(None), False
        for content in contents:
            store.add_results(content)
        store._read_only = read_only
        return store

    # Rows in

    def add(
        self,
        row: Mapping[str, Any],
        *,
        testbed: str | None = None,
        versions: Mapping[str, Any] | None = None,
        device: str | None = None,
        tags: Iterable[str] = (),
        notes: str = "",
        model: Any = None,
    ) -> str:
        """Add a row of results.json, a run or a control.

        A row that is there already is merged: attacks and answers that are new come to it, tags are
        kept.

        Parameters
        ----------
        row : mapping
        testbed : str, optional
            Default: what the row's configuration names, else "atlas".
        versions, device : optional
            Of the packages, and of the machine, that made it.
        tags : iterable of str
            A run that carries attacks has the tag "robustness-test" by itself.
        notes : str
        model : optional
            The unlearned model, to keep its weights at once.

        Returns
        -------
        str
            Its run_id.

        Raises
        ------
        BadInput
            For a row that is none, or one whose run_id the store holds with other weights.
        """
        self._require_writable()
        entry = take_apart(row)
        by = entries.beside(row, testbed=testbed, versions=versions, device=device, tags=tags, notes=notes)
        if model is not None:
            digest = digest_of(row, model)
            entry = take_apart({**row, "weights": digest})
            if self._files is not None:
                self._files.keep(model, digest)
        with self._database.writing() as connection:
            entries.put(connection, entry, by)
        return entry.run_id

    def add_results(self, content: Mapping[str, Any], *, tags: Iterable[str] = ()) -> list[str]:
        """Add the content of a results.json, all of it or nothing; returns the ids of its runs.

        A run that the store holds with other weights is left out, with a warning.

        Raises
        ------
        BadInput
            When it is no results.json, or a row of it is none; nothing is added.
        """
        self._require_writable()
        results = read_results(content, tuple(tags))
        with self._database.writing() as connection:
            entries.put_questions(connection, results.testbed, results.questions)
            for entry, by in results.parts:
                try:
                    entries.put(connection, entry, by)
                except OtherResult as error:
                    warnings.warn(str(error), stacklevel=2)
        return [entry.run_id for entry, _ in results.parts if entry.is_run]

    def remove(self, run_id: str) -> None:
        """Take a run out, with its attacks, tags and notes."""
        self._require_writable()
        with self._database.writing() as connection:
            numbers = entries.numbers_of(connection, run_id)
            connection.executemany("DELETE FROM runs WHERE id = ?", [(number,) for number in numbers])

    # What people add

    def tag(self, run_id: str, *tags: str) -> None:
        """Put tags on a run."""
        self._require_writable()
        checked = [check_tag(tag) for tag in tags]
        with self._database.writing() as connection:
            entries.add_tags(connection, entries.numbers_of(connection, run_id), checked)

    def untag(self, run_id: str, *tags: str) -> None:
        """Take tags off a run; one that is not there is no fault."""
        self._require_writable()
        checked = [check_tag(tag) for tag in tags]
        if ATTACKED in checked:
            raise BadInput(f'tags: "{ATTACKED}" says that a run was attacked, and stays; take others off')
        with self._database.writing() as connection:
            pairs = [(n, tag) for n in entries.numbers_of(connection, run_id) for tag in checked]
            connection.executemany("DELETE FROM tags WHERE run = ? AND tag = ?", pairs)

    def note(self, run_id: str, text: str) -> None:
        """Write a run's note, over the one that was there."""
        self._require_writable()
        checked = check_text("notes", text, longest=LONGEST_NOTE)
        with self._database.writing() as connection:
            pairs = [(checked, n) for n in entries.numbers_of(connection, run_id)]
            connection.executemany("UPDATE runs SET notes = ? WHERE id = ?", pairs)

    # What is computed again

    def rejudge(self, rule: str = RULE) -> int:
        """Compute recoveries and outcomes again, from the raw scores and the stored controls.

        A run whose controls are not in the store keeps what it has, with a warning.

        Parameters
        ----------
        rule : str
            "recovery-0.10": an attack was survived where at most 0.10 came back, of shown and held-out
            facts, at every budget; other margins likewise.

        Returns
        -------
        int
            How many attacks have another recovery or outcome than before.
        """
        self._require_writable()
        return rejudge(self._database, rule)

    def weights(self, run_id: str, *, lab: Testbed | None = None, device: str = "cpu") -> Any:
        """A run's model, or a control's: from the kept weights, else made again with `uk.unlearn`.

        What is made again is compared with the recorded hash. Where it differs, as it may on another
        processor or with another version of torch, a warning says so; where it does not, it is kept.

        Parameters
        ----------
        run_id : str
        lab : Testbed, optional
            What the run was made from, where that was a model or files of your own: records say no paths.
        device : str
            Without `lab`, where to load the testbed. Bits repeat on the CPU only.

        Raises
        ------
        MissingReference
            When the run has no configuration, or was made from something that is not here.

        Examples
        --------
        >>> import unlearnkit as uk
        >>> store = uk.records.default_store()
        >>> control, *_ = store.to_frame(controls=True, fold=1).query("control == 'target'").run_id
        >>> store.weights(control)
        LlamaForCausalLM(...)
        """
        return model_of(self.get(run_id), self._files, lab=lab, device=device)

    # Text

    def export(self, path: str | Path, *, overwrite: bool = False) -> int:
        """Write every run, control and question as JSON Lines; returns how many rows there are.

        `import_` into an empty store gives the same store again.
        """
        return lines.export(self._database, Path(path), overwrite=overwrite)

    def import_(self, path: str | Path) -> Imported:
        """Add what `export` wrote, or the results.json of a comparison.

        Good lines are added or merged; a bad line is left out and named, with its number and its fault.
        """
        self._require_writable()
        return lines.import_(self._database, Path(path))

    # The file

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return look.in_a_line(self)

    def _repr_html_(self) -> str:
        return look.in_html(self)

    def _require_writable(self) -> None:
        if self._read_only:
            raise ReadOnly(
                "store: these are the records that ship with unlearnkit, and they are not changed. Make a "
                'store of your own from them: store.export("records.jsonl") and '
                'RunStore("runs.sqlite").import_("records.jsonl"), or `unlearnkit records export '
                "records.jsonl` and `unlearnkit records import records.jsonl`"
            )


def _beside(path: Path) -> Path:
    """The folder of a store's weights: runs.weights beside runs.sqlite."""
    return path.parent / f"{path.stem}.weights"
