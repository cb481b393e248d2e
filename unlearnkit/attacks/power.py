"""Does an attack find what is there, and nothing where nothing is?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from unlearnkit.attacks.plant import plant
from unlearnkit.attacks.suite import Attack, run_attacks
from unlearnkit.metrics.scores import evaluate
from unlearnkit.testbeds.testbed import Testbed

BROKEN = 0.5  # of the held-out facts are back
RISE = 0.05  # of never_learned's held-out knowledge that an attack may cause by itself


def has_power(*, fragile: tuple[float, float], robust: tuple[float, float]) -> bool:
    """Whether an attack tells a model that hides its knowledge from one that has none.

    Parameters
    ----------
    fragile, robust : (before, after)
        Held-out knowledge of the planted fragile model and of never_learned, 0 to 1.

    Returns
    -------
    bool
        True when at least half of the held-out facts of the fragile model came back, and never_learned gained
        at most 0.05. Only then does surviving the attack mean anything.
    """
    breaks = fragile[1] >= BROKEN > fragile[0]
    return breaks and robust[1] <= robust[0] + RISE


@dataclass(frozen=True)
class Power:
    """What an attack did to models whose truth is known.

    Attributes
    ----------
    attack : str
    plant : str
        The fragile model: "grid" or "hidden".
    fragile_before, fragile_after : float
        Its held-out knowledge before and after the attack, 0 to 1.
    robust_before, robust_after : float
        never_learned's.
    """

    attack: str
    plant: str
    fragile_before: float
    fragile_after: float
    robust_before: float
    robust_after: float

    @property
    def has_power(self) -> bool:
        """Whether the attack tells the two apart; see `has_power`."""
        return has_power(
            fragile=(self.fragile_before, self.fragile_after), robust=(self.robust_before, self.robust_after)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "has_power": self.has_power}

    def _repr_html_(self) -> str:
        verdict = "has power" if self.has_power else "no power"
        rows = (
            (f"fragile ({self.plant} plant)", self.fragile_before, self.fragile_after),
            ("robust (never_learned)", self.robust_before, self.robust_after),
        )
        cells = "".join(f"<tr><td>{n}</td><td>{b:.2f}</td><td>{a:.2f}</td></tr>" for n, b, a in rows)
        head = "<tr><th>held-out facts known</th><th>before</th><th>after</th></tr>"
        return f"<b>{self.attack}: {verdict}</b><table>{head}{cells}</table>"


def plant_for(attack: Attack) -> dict[str, Any]:
    """The arguments of `plant` for the fragile model that an attack must break.

    Rounding has one a grid; every other attack is held to the model that hides its answers. Where no such
    model can be made, or the attack does not break it, "no power" is the true answer.
    """
    if attack.name == "quantize":
        params = dict(attack.params)
        return {"kind": "grid", "bits": params["bits"], "scheme": params["scheme"]}
    return {"kind": "hidden"}


def power(attack: Attack, lab: Testbed, *, seed: int = 0) -> Power:
    """Run an attack on the fragile model planted for it and on never_learned.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> power(uk.attacks.parse_attack("quantize-4"), lab).has_power
    True
    """
    return powers([attack], lab, seed=seed)[0]


def powers(attacks: Sequence[Attack], lab: Testbed, *, seed: int = 0) -> list[Power]:
    """`power` of several attacks, in their order; attacks of one plant share it."""
    robust_before, robust = _held(plant(lab, kind="robust"), lab, attacks, seed)
    found: dict[Attack, Power] = {}
    groups: dict[tuple[tuple[str, Any], ...], list[Attack]] = {}
    for attack in attacks:
        groups.setdefault(tuple(plant_for(attack).items()), []).append(attack)
    for chosen, members in groups.items():
        before, after = _held(plant(lab, **dict(chosen)), lab, members, seed)
        kind = dict(chosen)["kind"]
        for attack in members:
            found[attack] = Power(attack.label, kind, before, after[attack], robust_before, robust[attack])
    return [found[attack] for attack in attacks]


def _held(
    model: Any, lab: Testbed, attacks: Sequence[Attack], seed: int
) -> tuple[float, dict[Attack, float]]:
    """A model's held-out knowledge before, and after each attack."""
    after = {
        attack: _known(attacked, attack.testbed(lab))
        for attack, attacked in run_attacks(model, lab, attacks, seed=seed)
    }
    return _known(model, lab), after


def _known(model: Any, lab: Testbed) -> float:
    return evaluate(model, lab, verbatim=False).knowmem_forget_heldout
