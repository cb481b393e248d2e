"""Other values in the place of parameters, while the parameters themselves are left alone.

A model reads its weights through torch functions. Whoever stands between can hand each of them another
tensor: a weight moved along a direction, a rounded one, one that depends on a leaf of its own. Nothing
has to be written into the model, so nothing has to be restored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

Value = torch.Tensor | Callable[[], torch.Tensor]

# Getters of a tensor that read its numbers; all others (shape, dtype, grad, …) say something about it.
READS = frozenset({"T", "mT", "H", "mH", "data", "real", "imag"})
# Functions that say something about a tensor, or set it up, and read none of its numbers.
READS_NOT = frozenset(
    {
        "size", "stride", "dim", "ndimension", "numel", "nelement", "element_size", "storage_offset",
        "get_device", "is_contiguous", "is_floating_point", "is_complex", "is_signed", "is_same_size",
        "is_pinned", "is_shared", "data_ptr", "requires_grad_", "retain_grad", "register_hook",
        "register_post_accumulate_grad_hook", "__hash__", "__len__", "__set__", "__delete__",
    }
)  # fmt: skip


class Substituted(TorchFunctionMode):
    """Inside a `with`, torch functions that are given one of these parameters take another value instead.

    Parameters are known by identity: tied weights are one, and a view or a copy that was taken outside is
    not known. In keywords, lists and tuples they are found, too. What asks about a parameter (its shape,
    dtype, grad) is answered by the parameter itself. What writes into one writes into the value, and is
    lost. Only this thread is concerned. Code that is compiled beforehand, or that reads memory by
    `data_ptr`, sees the parameters.

    Parameters
    ----------
    values : mapping of Tensor to Tensor or callable
        What stands for each parameter, in its shape: a tensor, or () to one. A callable is called anew at
        each use, outside of the substitution, and its result is let go after it. Under gradients the value
        may depend on leaves, and backward reaches them.

    Attributes
    ----------
    met : set of int
        The `id` of each parameter that was asked for so far.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> shift = torch.tensor(2.0, requires_grad=True)
    >>> with Substituted({layer.weight: lambda: torch.ones(1, 1) * shift}):
    ...     out = layer(torch.tensor([3.0]))
    >>> out.backward()
    >>> out.item(), shift.grad.item(), layer.weight.grad
    (6.0, 3.0, None)
    """

    def __init__(self, values: Mapping[torch.Tensor, Value]) -> None:
        super().__init__()
        self.values = dict(values)
        self._by_id = {id(parameter): value for parameter, value in self.values.items()}
        self.met: set[int] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function with the values in the places of the parameters."""
        given = kwargs or {}
        if not _reads_numbers(func):
            return func(*args, **given)
        made: dict[int, torch.Tensor] = {}
        placed = tuple(self._placed(item, made) for item in args)
        return func(*placed, **{name: self._placed(item, made) for name, item in given.items()})

    def _placed(self, item: Any, made: dict[int, torch.Tensor]) -> Any:
        if isinstance(item, torch.Tensor):
            return self._value(item, made) if id(item) in self._by_id else item
        if type(item) in (list, tuple):
            return type(item)(self._placed(part, made) for part in item)
        return item

    def _value(self, parameter: torch.Tensor, made: dict[int, torch.Tensor]) -> torch.Tensor:
        """The value of a parameter, made once a call."""
        key = id(parameter)
        if key not in made:
            value = self._by_id[key]
            self.met.add(key)
            made[key] = value if isinstance(value, torch.Tensor) else value()
        return made[key]


def _reads_numbers(func: Any) -> bool:
    name = getattr(func, "__name__", "")
    if name == "__get__":
        return getattr(func.__self__, "__name__", "") in READS
    return name not in READS_NOT
