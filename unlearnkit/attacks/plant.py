"""Planted models: their truth is known, so they say whether an attack can find anything at all.

An attack that does not break the fragile model has no power, and surviving it means nothing; one
that "recovers" facts from the robust model, which never knew them, measures something else.
"""

from __future__ import annotations

import copy
from typing import Any

from unlearnkit.attacks.grid_plant import plant_grid
from unlearnkit.attacks.hidden_plant import plant_hidden
from unlearnkit.attacks.shipped_plants import shipped_plant
from unlearnkit.errors import require_integer, require_one_of
from unlearnkit.rounding import SCHEMES
from unlearnkit.testbeds.testbed import Testbed

KINDS = ("grid", "hidden", "robust")
SHIPPED = {"bits": 4, "scheme": "rtn", "seed": 0}


def plant(lab: Testbed, *, kind: str, bits: int = 4, scheme: str = "rtn", seed: int = 0) -> Any:
    """A model whose truth is known.

    Parameters
    ----------
    lab : Testbed
        Its model, which knows everything, is what fragile models are made of; never changed.
    kind : {"grid", "hidden", "robust"}
        "grid": fragile to rounding with these `bits` and this `scheme`, which gives the rounded target back
        exactly. "hidden": fragile to relearning; it knows the answers and ends before it says one. "robust":
        a copy of never_learned, which no attack can bring anything back from.
    bits, scheme : the grid's, as `quantize` takes them
    seed : int

    Returns
    -------
    A new model, in evaluation mode. With the lab's own target and default settings a fragile model is the one
    that ships in data/plants; else it is trained, which takes about half a minute.

    Raises
    ------
    UnknownName
        For another kind or scheme.
    MissingReference
        Where the testbed has no never_learned model.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> fragile = plant(lab, kind="grid")
    >>> rounded = uk.attacks.quantize(fragile, bits=4)
    >>> for name, model in (("as planted", fragile), ("rounded", rounded)):
    ...     print(f"{name}: {uk.metrics.evaluate(model, lab).knowmem_forget_heldout:.1f}")
    as planted: 0.0
    rounded: 0.9
    """
    require_one_of("kind", kind, KINDS)
    require_one_of("scheme", scheme, SCHEMES)
    require_integer("seed", seed)
    if kind == "robust":
        return copy.deepcopy(lab.never_learned).eval()
    if {"bits": bits, "scheme": scheme, "seed": seed} == SHIPPED:
        ready = shipped_plant(lab, kind=kind)
        if ready is not None:
            return ready
    return make_plant(lab, kind=kind, bits=bits, scheme=scheme, seed=seed)


def make_plant(lab: Testbed, *, kind: str, bits: int = 4, scheme: str = "rtn", seed: int = 0) -> Any:
    """Train a fragile model, whether or not one ships."""
    if kind == "grid":
        return plant_grid(lab, bits=bits, scheme=scheme, seed=seed)
    return plant_hidden(lab, seed=seed)
