"""What a reader chose to see of models under noise, kept to what was computed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from unlearnkit.apps.smoothing.smoothing_view import SmoothingView
from unlearnkit.errors import BadInput, require_one_of, require_positive, unknown_name

# What there is to see, and the part of a view that each needs.
FIGURES = {
    "line": "lines", "gap": "points", "cosine": "points", "variance": "comparisons",
    "retention": "certified", "certificate": "certified", "attack": "paths",
}  # fmt: skip


@dataclass(frozen=True)
class Choice:
    """One look at models under noise.

    Attributes
    ----------
    model : str
        Whose view.
    sigma : float
        Change of a weight, in root mean square; of a subspace's certificate, of a coordinate.
    attack : str or None
        Along which attack; None where the model has none.
    share : str or None
        Of what: "split", "facts" or "retain".
    simultaneous : bool
        Certificates of all facts at once, instead of each on its own.
    figures : tuple of str
        Which are drawn.
    """

    model: str
    sigma: float
    attack: str | None
    share: str | None
    simultaneous: bool
    figures: tuple[str, ...]


class Options:
    """What there is to choose from.

    Parameters
    ----------
    views : mapping of str to SmoothingView
    """

    def __init__(self, views: Mapping[str, SmoothingView]) -> None:
        self.views = dict(views)
        self.sigmas = sorted({sigma for view in views.values() for sigma in view.sigmas})

    def first(self) -> Choice:
        """Everything of the first model, at the largest of its sigmas at which its certificate works."""
        name, view = next(iter(self.views.items()))
        working = [sigma for sigma, found in view.certified.items() if found.model.works]
        middle = view.sigmas[len(view.sigmas) // 2]
        sigma = working[-1] if working else next(iter(view.certified), middle)
        return self._settled(Choice(name, sigma, None, None, False, self.figures(name)))

    def figures(self, model: str) -> tuple[str, ...]:
        """What a model's parts can be drawn as."""
        return tuple(name for name, part in FIGURES.items() if getattr(self.views[model], part))

    def of(self, choice: Choice) -> dict[str, list[Any]]:
        """Everything that a field of a choice could be, given the others, for fields that are listed."""
        return {
            "model": list(self.views),
            "sigma": self.sigmas,
            "attack": list(self.views[choice.model].paths),
            "share": self._shares(choice),
            "figures": list(self.figures(choice.model)),
        }

    def changed(self, choice: Choice, **changes: Any) -> Choice:
        """The choice with some fields changed, and the others kept to what there then is.

        A sigma is moved to the nearest that was computed, by ratio.

        Raises
        ------
        UnknownName, BadInput
            For a field, or a value of one, that there is not.
        """
        known = [field.name for field in fields(Choice)]
        for name in changes:
            if name not in known:
                raise unknown_name("choose", name, known)
        model = changes.get("model", choice.model)
        require_one_of("model", model, self.views)
        saw_all = choice.figures == self.figures(choice.model)
        kept = tuple(name for name in self.figures(model) if saw_all or name in choice.figures)
        settled = self._settled(replace(choice, model=model, figures=kept or self.figures(model)))
        for name, rule in RULES.items():
            if name in changes:
                settled = rule(self, settled, changes[name])
        return settled

    def _settled(self, choice: Choice) -> Choice:
        """Attack and share kept where there are such."""
        paths = list(self.views[choice.model].paths)
        attack = choice.attack if choice.attack in paths else next(iter(paths), None)
        choice = replace(choice, attack=attack)
        shares = self._shares(choice)
        return replace(choice, share=choice.share if choice.share in shares else next(iter(shares), None))

    def _shares(self, choice: Choice) -> list[str]:
        """Of what there is a curve, along the chosen attack."""
        if choice.attack is None:
            return []
        return list(nearest(self.views[choice.model].paths[choice.attack], choice.sigma)[1].curves)


def nearest(found: Mapping[float, Any], sigma: float) -> tuple[float, Any]:
    """What was computed at the sigma nearest to one, by ratio, and that sigma.

    Examples
    --------
    >>> nearest({0.01: "small", 0.1: "large"}, 0.04)
    (0.1, 'large')
    """
    at = nearest_of(found, sigma)
    return at, found[at]


def nearest_of(sigmas: Iterable[float], sigma: float) -> float:
    """The one of several sigmas that is nearest to one, by ratio."""
    return min(sigmas, key=lambda known: abs(math.log(known / sigma)))


def _sigma(options: Options, choice: Choice, given: Any) -> Choice:
    require_positive("sigma", given)
    moved = replace(choice, sigma=nearest_of(options.sigmas, float(given)))
    return options._settled(moved)


def _attack(options: Options, choice: Choice, given: Any) -> Choice:
    known = list(options.views[choice.model].paths)
    if not known:
        raise BadInput(
            f"attack: nothing was computed along an attack on {choice.model}, so none can be chosen"
        )
    require_one_of("attack", given, known)
    return options._settled(replace(choice, attack=given))


def _share(options: Options, choice: Choice, given: Any) -> Choice:
    known = options._shares(choice)
    if not known:
        raise BadInput(f"share: nothing was computed along an attack on {choice.model}, so it has no shares")
    require_one_of("share", given, known)
    return replace(choice, share=given)


def _simultaneous(options: Options, choice: Choice, given: Any) -> Choice:
    require_one_of("simultaneous", given, (False, True))
    return replace(choice, simultaneous=given)


def _figures(options: Options, choice: Choice, given: Any) -> Choice:
    known = options.figures(choice.model)
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise BadInput(f"figures must be a list of names, not {given!r:.60}; known: {', '.join(known)}")
    for name in given:
        require_one_of("figures", name, known)
    if not given:
        raise BadInput(f"figures: none was chosen, so nothing would be seen; known: {', '.join(known)}")
    return replace(choice, figures=tuple(name for name in known if name in given))


RULES = {
    "sigma": _sigma, "attack": _attack, "share": _share, "simultaneous": _simultaneous, "figures": _figures,
}  # fmt: skip
