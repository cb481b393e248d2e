"""What every optimizer here makes sure of, whatever its rule: its weights, its options, its state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch

from unlearnkit.errors import BadInput, require_fraction, require_positive


class Checked(torch.optim.Optimizer):
    """An optimizer that checks what it is given, group by group, and says what its step needs.

    Attributes
    ----------
    needs_closure : {"loss", False}
        "loss": `step(closure)` needs a closure that returns the loss and calls no backward. False:
        gradients are in `p.grad`; an optional closure calls backward, as in torch.
    extra_state : names of attributes that `state_dict` keeps beside torch's own
    extra_forward_equivalents : float
        What the steps so far spent beyond the closure's forward passes and one backward each; a
        Hessian-vector product counts 4.
    """

    needs_closure: ClassVar[str | bool] = False
    extra_state: ClassVar[tuple[str, ...]] = ()
    extra_forward_equivalents: float = 0.0

    def check(self, options: dict[str, Any]) -> None:
        """Raise BadInput for a group's options that make no sense; subclasses check their own, too."""
        require_positive("lr", options["lr"])

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, as torch does; a weight that is named twice (tied) is one weight.

        Raises
        ------
        BadInput
            For options out of range, and for weights that are sparse, complex, of whole numbers, or that
            share their memory with another one without being the same parameter.
        """
        given = param_group["params"]
        listed = [given] if isinstance(given, torch.Tensor) else list(given)
        param_group = {**param_group, "params": list(dict.fromkeys(listed))}
        weights = [item[1] if isinstance(item, tuple) else item for item in param_group["params"]]
        tensors = [
            weight for weight in weights if isinstance(weight, torch.Tensor)
        ]  # torch names what is not
        for weight in tensors:
            _require_dense_and_real(weight, type(self).__name__)
        _require_apart([*self._all(), *tensors], type(self).__name__)
        self.check({**self.defaults, **param_group})
        super().add_param_group(param_group)

    @property
    def weights(self) -> list[torch.Tensor]:
        """Every weight that moves, each once, in order."""
        return [weight for weight in dict.fromkeys(self._all()) if weight.requires_grad]

    def with_gradients(self, group: dict[str, Any]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The weights of a group that have a gradient, each with it."""
        for weight in group["params"]:
            if weight.grad is not None:
                yield weight, weight.grad

    def _all(self) -> list[torch.Tensor]:
        return [weight for group in self.param_groups for weight in group["params"]]

    def __getstate__(self) -> dict[str, Any]:
        """Everything, so that a deep copy goes on like its original; torch leaves out what is not its own.

        All but the `step` that a scheduler puts around the class's own: it moves the original's weights.
        """
        return {name: value for name, value in vars(self).items() if name != "step"}

    def state_dict(self) -> dict[str, Any]:
        """torch's, and what else the next steps follow from."""
        return {**super().state_dict(), **{name: getattr(self, name) for name in self.extra_state}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where another one stood."""
        rest = dict(state_dict)
        for name in self.extra_state:
            setattr(self, name, rest.pop(name, getattr(self, name)))
        super().load_state_dict(rest)


def _require_dense_and_real(weight: torch.Tensor, name: str) -> None:
    kind = None
    if weight.layout != torch.strided:
        kind = "sparse"
    elif weight.is_complex():
        kind = "complex"
    elif not weight.is_floating_point():
        kind = f"of {weight.dtype}"
    if kind is not None:
        raise BadInput(
            f"{name}: a weight of shape {tuple(weight.shape)} is {kind}, but weights must be dense and of "
            "real numbers; leave it out of params, or convert it"
        )


def _require_apart(weights: Sequence[torch.Tensor], name: str) -> None:
    """Two parameters over one memory would be moved twice; parts of one memory that lie apart would not."""
    there = [weight for weight in dict.fromkeys(weights) if weight.numel() and not weight.is_meta]
    there.sort(key=lambda weight: (str(weight.device), weight.data_ptr()))
    for one, other in pairwise(there):
        if one.device == other.device and other.data_ptr() < _end(one):
            raise BadInput(
                f"{name}: two parameters of shapes {tuple(one.shape)} and {tuple(other.shape)} share one "
                "memory and would be moved twice; tie weights by using one Parameter in both places"
            )


def _end(weight: torch.Tensor) -> int:
    """Where a weight's memory ends; one with gaps is taken to end at its first, where another may begin."""
    return weight.data_ptr() + weight.element_size() * (weight.numel() if weight.is_contiguous() else 1)


def check_betas(betas: Any) -> None:
    """Raise BadInput unless these are two numbers in [0, 1)."""
    if not isinstance(betas, list | tuple) or len(betas) != 2:
        raise BadInput(f"betas: two numbers are needed, (b1, b2), but {betas!r} was given")
    for name, beta in zip(("betas[0]", "betas[1]"), betas, strict=True):
        require_fraction(name, beta, zero_allowed=True)
