"""A run's model: from the kept weights, or made again from its configuration."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

from unlearnkit.errors import BadInput, MissingReference, UnlearnkitError

if TYPE_CHECKING:
    from unlearnkit.records.weights import WeightFiles
    from unlearnkit.testbeds import Testbed
    from unlearnkit.unlearning.problem import Problem

Row = Mapping[str, Any]
DECIDING = ("torch", "transformers")  # versions that may change the last bits


def model_of(row: Row, files: WeightFiles | None, *, lab: Testbed | None, device: str) -> Any:
    """The model of a row; see `RunStore.weights`."""
    from unlearnkit.testbeds import load_testbed

    config = _config(row)
    if lab is None:
        _require_shipped(row, config)
        lab = load_testbed(config["testbed"], fold=config["fold"], task=config["task"], device=device)
    if row.get("control") is not None:
        return _control(row, lab)
    digest = row.get("weights")
    kept = None if files is None or digest is None else _kept(files, digest, lab)
    return _made_again(row, lab, files) if kept is None else kept


def digest_of(row: Row, model: Any) -> str:
    """The hash of a model that belongs to a row; raises BadInput where the row says another."""
    from unlearnkit.fingerprints import weights_hash

    digest = weights_hash(model)
    if row.get("weights") not in (None, digest):
        raise BadInput(
            f"model: its weights have the hash {digest[:12]}…, and the row says {row['weights'][:12]}…, so "
            "it is not the run's model; give the one that the row was made from"
        )
    return digest


def _config(row: Row) -> Mapping[str, Any]:
    if row.get("control") is not None:
        return row
    if not row.get("config"):
        raise MissingReference(
            f"weights: {row['run_id']} was recorded without its configuration, so it cannot be made again; "
            "unlearn again with uk.unlearn, or compare again, and the new record will have it"
        )
    return dict(row["config"])


def _require_shipped(row: Row, config: Mapping[str, Any]) -> None:
    """Records never say where somebody's files and models lie: paths differ from machine to machine."""
    from unlearnkit.testbeds.testbed import FROM_FILES

    family, task = config["testbed"], config.get("task")
    if family in FROM_FILES:
        named = f', task="{task}"' if task else ""
        control = ", never_learned=PATH" if row.get("control") == "never_learned" else ""
        raise MissingReference(
            f"weights: {row['run_id']} was made from {family.upper()} files and a model of yours; "
            "give them: store.weights(run_id, "
            f'lab=uk.load_testbed("{family}:PATH"{named}, model=PATH{control}))'
        )


def _kept(files: WeightFiles, digest: str, lab: Testbed) -> Any:
    """The model with the kept weights, if they are there and are what their name says."""
    from unlearnkit.fingerprints import weights_hash

    tensors = files.read(digest)
    if tensors is None:
        return None
    model = copy.deepcopy(lab.model).eval()
    weights = dict(model.named_parameters())
    if weights.keys() == tensors.keys():
        for name, weight in weights.items():
            weight.data = tensors[name].to(lab.device)
        if weights_hash(model) == digest:
            return model
    files.forget(digest)
    warnings.warn(
        f"weights: the file of {digest[:12]}… is damaged or of another kind of model; it is taken away and "
        "the run is made again",
        stacklevel=4,
    )
    return None


def _made_again(row: Row, lab: Testbed, files: WeightFiles | None) -> Any:
    """The steps of `unlearn` without its scores, which the row has."""
    from unlearnkit.fingerprints import weights_hash
    from unlearnkit.randomness import one_thread
    from unlearnkit.unlearning.loop import take_steps

    try:
        problem = _same_problem(row, lab)
        with one_thread():  # as studies run it: with more, torch sums in another order
            take_steps(problem, progress=True)
    except (KeyError, TypeError, BadInput) as error:
        raise MissingReference(f"weights: {row['run_id']} cannot be made again: {error}") from error
    model = problem.finished_model()
    digest = weights_hash(model)
    if digest != row.get("weights"):
        warnings.warn(_difference(row, digest), stacklevel=4)
    elif files is not None:
        _keep_if_possible(files, model, digest)
    return model


def _keep_if_possible(files: WeightFiles, model: Any, digest: str) -> None:
    """Keep what was made; whoever asked for a model gets it, whether or not there is room."""
    try:
        files.keep(model, digest)
    except UnlearnkitError as error:
        warnings.warn(str(error), stacklevel=5)


def _same_problem(row: Row, lab: Testbed) -> Problem:
    """The run's problem: its id, a hash of configuration, data, weights and results version, says so."""
    from unlearnkit.unlearning.problem import prepare
    from unlearnkit.unlearning.run import RunConfig

    config = RunConfig(**row["config"])
    problem = prepare(lab, config)
    if problem.identity(config) != row["run_id"]:
        raise MissingReference(
            f"weights: {row['run_id']} was made from another model, other data or by a version of unlearnkit "
            f"that gives other results, so {lab.name} as it ships does not make it again; give what it was "
            "made from: store.weights(run_id, lab=uk.load_testbed(…, model=PATH))"
        )
    return problem


def _difference(row: Row, digest: str) -> str:
    if row.get("weights") is None:
        return f"weights: {row['run_id']} was recorded without a hash, so what was made again is unchecked"
    then = row.get("versions") or {}
    pairs = ", ".join(f"{n} {then.get(n, 'unknown')} then and {metadata.version(n)} now" for n in DECIDING)
    return (
        f"weights: {row['run_id']}, made again, has other bits ({digest[:12]}… and not "
        f"{row['weights'][:12]}…): another processor, number of threads or version ({pairs}) rounds "
        "otherwise. Its scores may differ from the record's, so evaluate it again; it is not kept"
    )


def _control(row: Row, lab: Testbed) -> Any:
    """The target, never_learned or a planted model, checked against the record's id."""
    from unlearnkit.attacks import plant
    from unlearnkit.unlearning.identity import control_id

    name = str(row["control"])
    if name in ("target", "never_learned"):
        model = copy.deepcopy(lab.model if name == "target" else lab.never_learned)
    else:
        model = plant(lab, **_planted(name))
    if control_id(lab, name, model) != row["run_id"]:
        raise MissingReference(
            f"weights: {row['run_id']} is {name} of another model or other data than {lab.name} has; give "
            "what it was made from: "
            "store.weights(run_id, lab=uk.load_testbed(…, model=PATH, never_learned=PATH))"
        )
    return model


def _planted(name: str) -> dict[str, Any]:
    """The arguments of `plant` from a control's name: "plant-hidden", "plant-grid-4-rtn"."""
    word, kind, *rest = [*name.split("-"), ""]
    if word != "plant" or not kind or (kind == "grid" and not (len(rest) > 1 and rest[0].isdecimal())):
        raise MissingReference(f'weights: no control is called "{name}", so there is no model of it')
    return {"kind": kind} | ({"bits": int(rest[0]), "scheme": rest[1]} if kind == "grid" else {})
