"""Models that can get the same noise: of one shape, in exact arithmetic, none moved with another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from unlearnkit.alike import require_alike
from unlearnkit.errors import BadInput
from unlearnkit.smoothing.certificates.certify_event import require_parameters
from unlearnkit.smoothing.certificates.subspace import Subspace
from unlearnkit.smoothing.noise import size_of
from unlearnkit.testbeds.testbed import Testbed


def named_models(model: Any, lab: Testbed) -> dict[str, Any]:
    """The model and its controls, all fit for the same noise."""
    if not isinstance(lab, Testbed):
        raise BadInput(f"lab must be a testbed, of uk.load_testbed(…), not a {type(lab).__name__}")
    if not isinstance(model, torch.nn.Module):
        raise BadInput(
            f"model must be a causal language model, a torch.nn.Module, not a {type(model).__name__}; of a "
            "run take run.model"
        )
    models = {"model": model, "target": lab.model}
    if lab.has_control:
        models["never_learned"] = lab.never_learned
    for name, each in models.items():
        require_parameters(f"{name}.parameters()", list(each.parameters()))
        _require_alike(name, each, lab.model)
    _require_apart(models)
    return models


def require_subspace(subspace: Any, model: Any) -> None:
    """Raise BadInput for what is no subspace of the model's weights."""
    if subspace is None:
        return
    if not isinstance(subspace, Subspace):
        raise BadInput(
            f"subspace must be a Subspace, not a {type(subspace).__name__}; make one with subspace_of("
            "models, origin) or spanned_by(vectors)"
        )
    size = size_of(list(model.parameters()))
    if subspace.size != size:
        raise BadInput(f"subspace is one of {subspace.size:,} weights, but the model has {size:,}")


def _require_alike(name: str, model: Any, target: Any) -> None:
    require_alike(
        name, model, target, whose="the target's",
        hint="so it cannot get the same noise; certify a model that was unlearned from lab.model",
    )  # fmt: skip
    devices = {str(weight.device) for each in (model, target) for weight in each.parameters()}
    if len(devices) > 1:
        raise BadInput(
            f"{name}: its weights and the target's lie on {', '.join(sorted(devices))}; move them with .to()"
        )


def _require_apart(models: Mapping[str, Any]) -> None:
    owners: dict[int, str] = {}
    for name, each in models.items():
        for weight in each.parameters():
            owner = owners.setdefault(weight.data_ptr(), name)
            if owner != name and models[owner] is not each:
                raise BadInput(
                    f"{name}: it shares weights with {owner}, so noise on one would be noise on both; give a "
                    "copy (copy.deepcopy)"
                )


def distinct(models: Mapping[str, Any]) -> dict[str, Any]:
    """Each model object once, under its first name."""
    return {name: model for name, model in models.items() if _first_name(models, model) == name}


def _first_name(models: Mapping[str, Any], model: Any) -> str:
    return next(name for name, each in models.items() if each is model)


def by_name(models: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What was found for each object, under all its names."""
    return {name: found[_first_name(models, model)] for name, model in models.items()}
