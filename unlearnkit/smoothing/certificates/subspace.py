"""Noise in a few dimensions only: a larger sigma, and a statement about these dimensions only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from unlearnkit.alike import require_alike
from unlearnkit.displaced import flatten, unflatten
from unlearnkit.errors import BadInput, require_integer
from unlearnkit.flatness.tables import html_table
from unlearnkit.randomness import generator

MOST = 32  # dimensions
RELATIVE_RANK = 1e-6  # a direction of a smaller share of the largest singular value is rounding


@dataclass(frozen=True, eq=False, repr=False)
class Subspace:
    """A subspace of weight space by an orthonormal basis; made by `subspace_of` or `spanned_by`.

    A certificate in it is about displacements within it, and about no other. It must be fixed before
    sampling, and should come from elsewhere than what it is held against: attack trajectories of other folds.

    Attributes
    ----------
    basis : Tensor (k, parameters)
        Orthonormal rows, float32, on the CPU.
    singular_values : tuple of float
        Of the vectors that span it, the largest first.
    """

    basis: torch.Tensor
    singular_values: tuple[float, ...]

    @property
    def dimensions(self) -> int:
        """Of the subspace: k."""
        return int(self.basis.shape[0])

    @property
    def size(self) -> int:
        """How many weights there are."""
        return int(self.basis.shape[1])

    @cached_property
    def key(self) -> str:
        """A hash of the basis, by which a certificate knows it."""
        return hashlib.sha256(self.basis.numpy().tobytes()).hexdigest()[:16]

    def share(self, displacement: torch.Tensor) -> float:
        """How much of a displacement lies within: ||P delta||^2 / ||delta||^2, 0 to 1.

        Parameters
        ----------
        displacement : Tensor (parameters,)
            Flat; of length 0 it is said to lie within.
        """
        whole = float(displacement.double().norm())
        return (float(self.coordinates(displacement).norm()) / whole) ** 2 if whole else 1.0

    def coordinates(self, displacement: torch.Tensor) -> torch.Tensor:
        """The displacement's coordinates, (k,), in double: their length is that of its part within."""
        flat = displacement.detach().cpu().double()
        if flat.shape != (self.size,):
            raise BadInput(
                f"displacement must be flat, of the subspace's {self.size} weights, not {tuple(flat.shape)}"
            )
        return self.basis.double() @ flat

    def point(self, coordinates: torch.Tensor) -> torch.Tensor:
        """The displacement of these coordinates: flat, float32."""
        return coordinates.float() @ self.basis

    def draw(self, weights: Sequence[torch.Tensor], seed: int, *stream: int) -> list[torch.Tensor]:
        """A standard normal vector within the subspace, a tensor a weight."""
        source = generator(seed, "subspace", *stream)
        flat = self.point(torch.randn(self.dimensions, generator=source, dtype=torch.float64))
        return unflatten(flat.to(weights[0].device), weights)

    def to_dict(self) -> dict[str, Any]:
        """What it is, without its basis."""
        return {"dimensions": self.dimensions, "size": self.size, "key": self.key,
                "singular_values": list(self.singular_values)}  # fmt: skip

    def __repr__(self) -> str:
        return f"<Subspace of {self.dimensions} in {self.size:,} dimensions>"

    def _repr_html_(self) -> str:
        total = sum(value**2 for value in self.singular_values)
        rows = [
            (str(place + 1), f"{value:.4g}", f"{value**2 / total:.1%}")
            for place, value in enumerate(self.singular_values)
        ]
        return html_table(repr(self)[1:-1], ("direction", "singular value", "share of squares"), rows)


def spanned_by(vectors: Any, *, dimensions: int = MOST) -> Subspace:
    """The subspace in which most of some vectors lies: the leading right singular vectors.

    Parameters
    ----------
    vectors : list of Tensor (parameters,), or Tensor (count, parameters)
        Directions in the space of all weights in order, flat; they need not be orthogonal.
    dimensions : int
        At most so many, 32 or below; directions that only rounding tells from others are left out.

    Returns
    -------
    Subspace
        Of all vectors, if they are no more than `dimensions`.

    Raises
    ------
    BadInput
        For no vector, vectors of unlike length or without finite numbers, and when all are 0.

    Examples
    --------
    >>> plane = spanned_by([torch.tensor([3.0, 0.0, 0.0]), torch.tensor([1.0, 1.0, 0.0])])
    >>> plane.dimensions, round(plane.share(torch.tensor([1.0, 0.0, 1.0])), 6)
    (2, 0.5)
    """
    require_integer(
        "dimensions", dimensions, minimum=1, maximum=MOST,
        hint=f"A subspace certificate gains by few dimensions; beyond {MOST} use the whole space.",
    )  # fmt: skip
    rows = _stacked(vectors)
    orthogonal, corner = torch.linalg.qr(rows.T)  # tall: a small matrix is left to decompose
    left, values, _ = torch.linalg.svd(corner)
    rank = min(int((values > RELATIVE_RANK * values[0]).sum()), dimensions)
    basis = torch.linalg.qr(orthogonal @ left[:, :rank])[0].T
    return Subspace(basis.float().contiguous(), tuple(values[:rank].tolist()))


def subspace_of(models: Sequence[Any], origin: Any, *, dimensions: int = MOST) -> Subspace:
    """The subspace that some models span, seen from another: of an attack's trajectory, from its start.

    Parameters
    ----------
    models : list of models
        Such as the checkpoints of attacks on runs of other folds.
    origin : model
        Where they set out from. Directions of several attacks with starts of their own go into `spanned_by`,
        each as a difference.
    dimensions : int
        32 or below.

    Returns
    -------
    Subspace

    Raises
    ------
    BadInput
        For no model, models of another shape than the origin's, and when none was moved.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=2)
    >>> subspace_of([lab.never_learned], lab.model)
    <Subspace of 1 in 523,904 dimensions>
    """
    if not isinstance(models, list | tuple) or not models:
        raise BadInput("models must be a list of at least one model; for a single one write [model]")
    return spanned_by([displacement(model, origin) for model in models], dimensions=dimensions)


@torch.no_grad()
def displacement(model: Any, origin: Any) -> torch.Tensor:
    """All weights of a model minus those of another: flat, float64, on the CPU; a tied weight once."""
    for name, given in (("model", model), ("origin", origin)):
        if not isinstance(given, torch.nn.Module):
            raise BadInput(f"{name} must be a model, a torch.nn.Module, not a {type(given).__name__}")
    require_alike(
        "model", model, origin, whose="the origin's",
        hint="so no displacement leads from one to the other; compare models of one architecture",
    )  # fmt: skip
    pairs = zip(model.parameters(), origin.parameters(), strict=True)
    return flatten([new.detach().cpu().double() - old.detach().cpu().double() for new, old in pairs])


def _stacked(vectors: Any) -> torch.Tensor:
    """The vectors as rows, in double."""
    listed = list(vectors) if isinstance(vectors, Iterable) else []
    if not listed or not all(isinstance(vector, torch.Tensor) and vector.ndim == 1 for vector in listed):
        raise BadInput(
            "vectors must be a list of at least one flat tensor (parameters,); flatten a direction with "
            "torch.cat([part.reshape(-1) for part in parts])"
        )
    lengths = sorted({len(vector) for vector in listed})
    if len(lengths) > 1:
        raise BadInput(f"vectors must have one length, that of all weights, but they have {lengths}")
    rows = torch.stack([vector.detach().cpu().double() for vector in listed])
    if not bool(torch.isfinite(rows).all()):
        raise BadInput("vectors: some entries are no finite numbers, so they span nothing")
    if len(listed) > lengths[0]:
        raise BadInput(f"vectors: {len(listed)} of length {lengths[0]} span everything; give fewer")
    if not bool(rows.any()):
        raise BadInput("vectors: all are 0, so they span nothing; give models that were moved")
    return rows
