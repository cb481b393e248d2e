"""The loss under noise in the weights: what zeroth order sees, at which radius, and what it certifies."""

from unlearnkit.smoothing.formula import Formula

__all__ = [
    "Formula",
]
