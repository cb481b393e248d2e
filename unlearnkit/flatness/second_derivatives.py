"""Is every operation of a model differentiable twice? Where one is not, autograd may leave it out in silence.

A derivative with respect to chosen tensors prunes what does not lead to them: an operation whose derivative
is a constant to autograd, as that of a fused kernel is, adds nothing to the Hessian, and no error is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from unlearnkit.errors import BadInput

FUSED = (
    "flash",
    "flex",
)  # attention implementations of transformers whose derivative autograd cannot see into
ONCE_ONLY = ("derivative for", "double backward", "differentiate twice")  # torch's words for what cannot
WAY_OUT = 'load it with attn_implementation="eager" or "sdpa"'


def require_plain_attention(model: Any) -> None:
    """Raise BadInput for a model whose attention is a fused kernel."""
    name = getattr(getattr(model, "config", None), "_attn_implementation", None)
    if isinstance(name, str) and any(part in name for part in FUSED):
        raise BadInput(f"loss: the model's attention, {name}, has no second derivative; {WAY_OUT}")


def require_graph_without_end(gradients: Iterable[torch.Tensor]) -> None:
    """Raise BadInput if a gradient's graph has an operation that was marked as differentiable once only."""
    ahead = [gradient.grad_fn for gradient in gradients if gradient.grad_fn is not None]
    seen = set(ahead)
    while ahead:
        node = ahead.pop()
        if type(node).__name__ in ("Error", "DelayedError", "NotImplemented"):
            raise BadInput(f"loss: the model has an operation that is differentiable once only; {WAY_OUT}")
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                ahead.append(following)


@contextmanager
def differentiable_twice() -> Iterator[None]:
    """Attention by plain matrix products inside; torch's own error about a second derivative as BadInput."""
    with sdpa_kernel(SDPBackend.MATH):
        try:
            yield
        except RuntimeError as error:
            if any(words in str(error) for words in ONCE_ONLY):
                raise BadInput(
                    "loss: the model has an operation without a second derivative "
                    f"({str(error).splitlines()[0]}); {WAY_OUT}"
                ) from error
            raise
