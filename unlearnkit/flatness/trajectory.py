"""Checkpoints of a run or an attack, seen from a plane: where they lie beneath, how far off, what they lose.

A projected checkpoint is not the checkpoint: the surface beneath it has another loss than it has itself, and
the further off the plane it is, the less the surface says about it. So its own losses and its distance
always go with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unlearnkit.flatness.tables import html_table


@dataclass(frozen=True)
class Trajectory:
    """Models in order, projected onto a plane.

    Attributes
    ----------
    alphas, betas : tuple of float, one a model
        Its orthogonal projection onto the plane, in the plane's own units.
    off : tuple of float
        The L2 distance from the plane, over all weights.
    values : dict of str to tuple of float
        The models' own losses, in nats a token: not those of the surface beneath.
    labels : tuple of str
        What each is called: "0", "1", … unless they were named.
    """

    alphas: tuple[float, ...]
    betas: tuple[float, ...]
    off: tuple[float, ...]
    values: dict[str, tuple[float, ...]]
    labels: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "alphas": list(self.alphas),
            "betas": list(self.betas),
            "off": list(self.off),
            "values": {name: list(own) for name, own in self.values.items()},
            "labels": list(self.labels),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Trajectory:
        """Read what `to_dict` wrote."""
        return cls(
            alphas=tuple(content["alphas"]),
            betas=tuple(content["betas"]),
            off=tuple(content["off"]),
            values={name: tuple(own) for name, own in content["values"].items()},
            labels=tuple(content["labels"]),
        )

    def _repr_html_(self) -> str:
        rows = [
            (label, f"{alpha:.4g}", f"{beta:.4g}", f"{off:.4g}", *(f"{own:.4g}" for own in losses))
            for label, alpha, beta, off, *losses in zip(
                self.labels, self.alphas, self.betas, self.off, *self.values.values(), strict=True
            )
        ]
        head = ("model", "alpha", "beta", "off the plane", *self.values)
        return html_table("trajectory, losses in nats a token", head, rows)
