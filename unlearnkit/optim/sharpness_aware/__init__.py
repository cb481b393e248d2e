"""Sharpness-aware: the gradient where it is worst nearby, or on average over noise."""

from unlearnkit.optim.entry import Entry

ENTRIES: tuple[Entry, ...] = ()

__all__: list[str] = []
