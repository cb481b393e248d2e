"""The Hessian of a token-mean loss as something that multiplies vectors."""

from __future__ import annotations

import torch

from unlearnkit.flatness.batchwise import Batchwise
from unlearnkit.token_mean_loss import TokenMeanLoss


class Hessian(Batchwise):
    """The Hessian of a loss over its weights, by double backward; never the Gauss-Newton matrix.

    Parameters
    ----------
    loss : TokenMeanLoss

    Attributes
    ----------
    size : int
        Weights, over all parameters that require gradients.
    products : int
        Hessian-vector products so far.

    Raises
    ------
    BadInput
        When no parameter requires gradients. Products raise it when the loss is not a number, when they are
        not themselves, and when an operation of the model has no second derivative.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> hessian = Hessian(uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8)))
    >>> with hessian.cached():
    ...     products = [hessian @ torch.full((hessian.size,), scale) for scale in (0.5, 1.0)]
    >>> torch.allclose(2 * products[0], products[1], atol=1e-4), hessian.products
    (True, 2)
    """

    name = "Hessian"

    def _graph(self, batch: int) -> list[torch.Tensor]:
        """A batch's share of the loss's gradient, with its graph."""
        loss = self.loss.batch_sum(batch) / self.loss.tokens
        self._require_number(batch, loss)
        if not loss.requires_grad:  # nothing in it depends on the weights
            return [torch.zeros_like(weight) for weight in self.weights]
        return self._differentiated(loss)

    def _product(self, graph: list[torch.Tensor], parts: list[torch.Tensor]) -> list[torch.Tensor]:
        depends = [(g, v) for g, v in zip(graph, parts, strict=True) if g.requires_grad]
        if not depends:
            return [torch.zeros_like(weight) for weight in self.weights]
        return list(
            torch.autograd.grad(
                [g for g, _ in depends], self.weights, [v for _, v in depends],
                retain_graph=self._keeping, allow_unused=True, materialize_grads=True,
            )
        )  # fmt: skip


def hessian_vector_product(loss: TokenMeanLoss, vector: torch.Tensor) -> torch.Tensor:
    """H v: the Hessian of a loss at the model's weights times a vector.

    By differentiating g^T v, g the gradient, once more (Pearlmutter 1994). The model is left as it is:
    weights, gradients in `.grad` and modes.

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
        For a vector of another length or on another device, when no parameter requires gradients, or when the
        loss or the product is not finite.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> loss = uk.TokenMeanLoss(lab.model, lab.batches(lab.forget, rows=8))
    >>> vector = torch.zeros(Hessian(loss).size)
    >>> bool((hessian_vector_product(loss, vector) == 0).all())
    True
    """
    return Hessian(loss) @ vector
