"""Whose eigenvalues a figure shows: one matrix is never shown under another's name."""

from __future__ import annotations

from collections.abc import Mapping

from unlearnkit.flatness import Eigenvalues, Spectrum

Found = Mapping[str, Eigenvalues] | Mapping[str, Spectrum]


def of_whom(found: Found) -> str:
    """For a title: " of the Hessian", or nothing where there are several matrices."""
    matrices = {each.matrix for each in found.values()}
    return f" of the {matrices.pop()}" if len(matrices) == 1 else ""


def called(found: Found, name: str) -> str:
    """For a legend: a name of these, with its matrix where there are several."""
    return name if of_whom(found) else f"{name}, {found[name].matrix}"
