"""True double precision: models of transformers that compute in float64 all the way.

`model.double()` is not enough. RMSNorm, softmax and rotary embeddings cast to float32 inside the model's
own code, so the loss keeps float32's noise, and second differences of it are off by tens of percent.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from unlearnkit.errors import BadInput


class _Float32IsFloat64(TorchFunctionMode):
    """While it is on, whoever asks torch for float32 gets float64."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call what was to be called, with float64 wherever float32 was named."""
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        wider = [torch.float64 if value is torch.float32 else value for value in args]
        named = {
            key: torch.float64 if value is torch.float32 else value for key, value in (kwargs or {}).items()
        }
        return func(*wider, **named)


@contextmanager
def true_double(model: torch.nn.Module) -> Iterator[Any]:
    """A float64 copy of a model, and a block in which its casts to float32 are casts to float64.

    Parameters
    ----------
    model : torch.nn.Module
        Of any precision; it is left as it is. What it rounded to stays: the copy has the same weights.

    Yields
    ------
    torch.nn.Module
        The copy, without gradients, in the mode (`training`) that the model is in. Use it inside the block
        only, backward passes included: outside it computes in float32 here and there again. Other code in
        the block is widened, too: a `.float()` of your own gives float64.

    Raises
    ------
    BadInput
        For what is no module, or has weights that are no floating-point numbers (quantized ones).

    Notes
    -----
    A model counts as twice its float32 memory for as long as the block lasts. Flash attention has no second
    derivative; for those, load the model with attn_implementation="eager".

    Examples
    --------
    >>> import torch
    >>> class Cast(torch.nn.Linear):
    ...     def forward(self, x):
    ...         return super().forward(x.double()).to(torch.float32)
    >>> with true_double(Cast(2, 1)) as double:
    ...     print(double(torch.ones(2)).dtype)
    torch.float64
    """
    copied = _double_copy(model)
    with _Float32IsFloat64():
        yield copied


def _double_copy(model: Any) -> torch.nn.Module:
    if not isinstance(model, torch.nn.Module):
        raise BadInput(f"model: true_double needs a torch.nn.Module, but got a {type(model).__name__}")
    for name, weight in model.named_parameters():
        if not weight.is_floating_point():
            raise BadInput(
                f"model: its weight {name} is of {weight.dtype}; a quantized or complex model has no float64 "
                "copy, so give the model that it was made from"
            )
    copied = copy.deepcopy(model).double()
    for module in copied.modules():
        if getattr(module, "reorder_and_upcast_attn", False):  # GPT-2's insists on float32, to gain precision
            setattr(module, "reorder_and_upcast_attn", False)  # noqa: B010 - for type checkers a submodule
    return copied
