"""Interpolation: how far back to the target must one go until what was forgotten is there again?

No attacker has the target. The straight line to it shows how close the knowledge lies, and whether a
barrier stands between.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from unlearnkit.alike import require_alike
from unlearnkit.attacks.kind import of_one_number
from unlearnkit.errors import require_fraction
from unlearnkit.testbeds.testbed import Testbed
from unlearnkit.unlearning.mixing import between


def interpolate(model: Any, lab: Testbed, *, share: float) -> Any:
    """A copy of the model, moved a share of the straight way to the target: w + share (w_target - w).

    Parameters
    ----------
    model : a Hugging Face causal language model
        Never changed.
    lab : Testbed
        Its `model` is the target.
    share : float
        Above 0; at 1 the weights are the target's, to the bit.

    Returns
    -------
    A new model, in evaluation mode.

    Raises
    ------
    BadInput
        For a share outside (0, 1], or a model whose weights are not the target's in name and shape.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> halfway = interpolate(lab.never_learned, lab, share=0.5)
    """
    require_fraction("share", share, one_allowed=True)
    require_alike(
        "model", model, lab.model, whose="the target's",
        hint="so there is no straight line between them; interpolate a model unlearned from lab.model",
    )  # fmt: skip
    return between(model, lab.model, share)


INTERPOLATE = of_one_number(
    "interpolate",
    "share",
    check=partial(require_fraction, one_allowed=True),
    apply=lambda model, lab, seed, params: interpolate(model, lab, **params),
)
