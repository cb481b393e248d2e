"""What a computation would take, before it is begun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch

from unlearnkit.errors import BadInput


def free_bytes(device: torch.device) -> int:
    """Memory that is free on a device, in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def require_room(what: str, needed: int, device: torch.device, *, way_out: str) -> None:
    """Raise BadInput, with both numbers, when something will not fit into what is free."""
    free = free_bytes(device)
    if needed > free:
        raise BadInput(
            f"{what} would take {_readable(needed)}, but {_readable(free)} are free on {device}; {way_out}"
        )


def _readable(size: int) -> str:
    unit, name = (1e9, "GB") if size >= 1e9 else (1e6, "MB")
    return f"{size / unit:.3g} {name}"


class Saved:
    """Counts the bytes that autograd keeps for backward; made by `saved_bytes`."""

    def __init__(self, besides: Iterable[torch.Tensor]) -> None:
        self._besides = {tensor.untyped_storage().data_ptr() for tensor in besides}
        self._seen: dict[int, int] = {}

    @property
    def total(self) -> int:
        """Bytes, memory that several tensors share counted once."""
        return sum(self._seen.values())

    def note(self, tensor: torch.Tensor) -> torch.Tensor:
        """Count a tensor and pass it on."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._besides:
            self._seen[storage.data_ptr()] = storage.nbytes()
        return tensor


@contextmanager
def saved_bytes(*, besides: Iterable[torch.Tensor] = ()) -> Iterator[Saved]:
    """Count what autograd keeps inside the block, besides tensors that are there anyway."""
    saved = Saved(besides)
    with torch.autograd.graph.saved_tensors_hooks(saved.note, lambda tensor: tensor):
        yield saved
