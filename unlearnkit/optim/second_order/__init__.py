"""Second order: the gradient divided by an estimate of the curvature's diagonal."""

from unlearnkit.optim.entry import Entry

ENTRIES: tuple[Entry, ...] = ()

__all__: list[str] = []
