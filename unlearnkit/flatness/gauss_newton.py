"""The Gauss-Newton matrix of a token-mean loss: the Hessian's part that is never negative.

With the model's logits z and the cross-entropy l of them, the Hessian is

    H = J^T (d^2 l / dz^2) J + sum over logits of (dl / dz) (d^2 z / dw^2),

and the Gauss-Newton matrix G its first part: what the Hessian would be if logits were linear in the weights.
It is also the Fisher information of the model's own predictions. The rest fades where the model is sure of
its targets, and need not be small elsewhere: whatever curvature is negative comes from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from unlearnkit.errors import BadInput
from unlearnkit.flatness.batchwise import Batchwise
from unlearnkit.losses import NO_TARGET, nll_of, predictions
from unlearnkit.token_mean_loss import TokenMeanLoss


@dataclass(frozen=True)
class _Logits:
    """Of one batch's targets, (targets, vocabulary), with what products need.

    `pulled` is J^T u, a tensor a weight, linear in the placeholder u: so J is in its derivative.
    """

    logits: torch.Tensor
    probabilities: torch.Tensor
    placeholder: torch.Tensor
    pulled: list[torch.Tensor]


class GaussNewton(Batchwise):
    """The generalised Gauss-Newton matrix of a loss over its weights; never the Hessian.

    G = 1/N sum over targets of J^T (diag(p) - p p^T) J, with J the derivative of a target's logits by the
    weights, p their softmax, N the targets of all batches (Schraudolph 2002; Martens 2020, 1412.1193).
    Symmetric and positive semidefinite.

    J v comes by differentiating J^T u, which is linear in u, with respect to u; so nothing needs forward-mode
    derivatives.

    Parameters
    ----------
    loss : TokenMeanLoss

    Attributes
    ----------
    size : int
        Weights, over all parameters that require gradients.
    products : int
        Products so far.

    Raises
    ------
    BadInput
        When no parameter requires gradients, or the loss is a subclass that changes `batch_sum`: this matrix
        is that of the cross-entropy only. Products raise it when the loss is not a number, when they are not
        themselves, and when an operation of the model has no second derivative.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> matrix = GaussNewton(uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8)))
    >>> vector = torch.ones(matrix.size)
    >>> bool(vector @ (matrix @ vector) > 0), matrix.products
    (True, 1)
    """

    name = "Gauss-Newton matrix"

    def __init__(self, loss: TokenMeanLoss) -> None:
        _require_cross_entropy(loss)
        super().__init__(loss)

    def _graph(self, batch: int) -> _Logits | None:
        """A batch's logits; None if they do not depend on the weights."""
        logits, targets = predictions(self.loss.model, self.loss.batches[batch])
        self._require_number(batch, nll_of(logits.detach(), targets).sum())
        if not logits.requires_grad:
            return None
        logits = logits[targets != NO_TARGET]
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        placeholder = torch.zeros_like(logits, requires_grad=True)
        pulled = self._differentiated(logits, placeholder)
        return _Logits(logits, logits.detach().softmax(dim=-1), placeholder, pulled)

    def _product(self, graph: _Logits | None, parts: list[torch.Tensor]) -> list[torch.Tensor]:
        if graph is None:
            return [torch.zeros_like(weight) for weight in self.weights]
        depends = [(g, v) for g, v in zip(graph.pulled, parts, strict=True) if g.requires_grad]
        (pushed,) = torch.autograd.grad(
            [g for g, _ in depends], graph.placeholder, [v for _, v in depends], retain_graph=True
        )
        p = graph.probabilities
        curved = p * (pushed - (p * pushed).sum(dim=-1, keepdim=True)) / self.loss.tokens
        return list(
            torch.autograd.grad(
                graph.logits, self.weights, curved,
                retain_graph=self._keeping, allow_unused=True, materialize_grads=True,
            )
        )  # fmt: skip

    def _bytes_beside(self, graph: _Logits | None) -> int:
        return 0 if graph is None else 3 * graph.logits.nbytes


def _require_cross_entropy(loss: TokenMeanLoss) -> None:
    """Raise BadInput for a loss that is another function than its model's cross-entropy."""
    if getattr(loss.batch_sum, "__func__", None) is not TokenMeanLoss.batch_sum:
        raise BadInput(
            f"loss: {type(loss).__name__} has a batch_sum of its own, and the Gauss-Newton matrix is made of "
            'the cross-entropy, not of batch_sum; ask for the Hessian (matrix="hessian"), which follows any'
        )


def gauss_newton_vector_product(loss: TokenMeanLoss, vector: torch.Tensor) -> torch.Tensor:
    """G v: the Gauss-Newton matrix of a loss at the model's weights times a vector; see `GaussNewton`.

    The model is left as it is: weights, gradients in `.grad` and modes.

    Parameters
    ----------
    loss : TokenMeanLoss
    vector : Tensor (parameters,)
        Flat, over the parameters that require gradients, in order, on the model's device.

    Returns
    -------
    Tensor (parameters,)
        In float32, or wider if the weights are.

    Raises
    ------
    BadInput
        For a vector of another length or on another device, when no parameter requires gradients, when the
        loss is a subclass that changes `batch_sum`, or when the loss or the product is not finite.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> vector = torch.zeros(GaussNewton(loss).size)
    >>> bool((gauss_newton_vector_product(loss, vector) == 0).all())
    True
    """
    return GaussNewton(loss) @ vector
