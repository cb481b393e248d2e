"""Are two models of one architecture?"""

from __future__ import annotations

from typing import Any

from unlearnkit.errors import BadInput


def require_alike(name: str, model: Any, other: Any, *, whose: str, hint: str) -> None:
    """Raise BadInput unless a model's weights are another's in name and shape.

    Parameters
    ----------
    name : str
        The argument that the model was given as.
    model, other : torch.nn.Module
    whose : str
        The other's, such as "the target's".
    hint : str
        What does not work, and what does: the end of the sentence.

    Examples
    --------
    >>> from torch.nn import Linear
    >>> require_alike("model", Linear(2, 1), Linear(3, 1), whose="the target's", hint="so it cannot be one")
    Traceback (most recent call last):
    unlearnkit.errors.BadInput: model: its weights are not the target's in name and shape (see weight), so ...
    """
    ours, theirs = ({n: p.shape for n, p in each.named_parameters()} for each in (model, other))
    if ours == theirs:
        return
    odd = next(part for part in {**ours, **theirs} if ours.get(part) != theirs.get(part))
    raise BadInput(f"{name}: its weights are not {whose} in name and shape (see {odd}), {hint}")
