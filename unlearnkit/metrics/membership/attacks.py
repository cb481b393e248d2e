"""Six scores that guess whether a text was trained on; all mean the same: higher, less likely a member."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from statistics import fmean
from typing import Any

from unlearnkit.errors import MissingReference, require_fraction, require_one_of
from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.metrics.membership.gradient_norm import gradient_norms
from unlearnkit.metrics.membership.min_k import K, min_k, min_k_plus_plus
from unlearnkit.metrics.membership.variant import Variant, as_variant
from unlearnkit.metrics.token_statistics import TokenStatistics, joined, token_statistics
from unlearnkit.testbeds.encoding import Encoded


@dataclass(frozen=True)
class _Asked:
    """Texts, the model they are held against, and how; passed over once, however many attacks look."""

    model: Any
    tokenizer: Any
    texts: tuple[tuple[Encoded, ...], ...]
    k: float
    floor: int
    reference: Any
    progress: bool

    @cached_property
    def statistics(self) -> list[TokenStatistics]:
        """The model's own, taken once."""
        return self.of(self.model)

    def of(self, model: Any) -> list[TokenStatistics]:
        """What a model makes of each text, its pieces joined."""
        with evaluating(model):
            pad_id = self.tokenizer.pad_token_id
            rows = [piece for text in self.texts for piece in text]
            found = iter(token_statistics(model, rows, pad_id=pad_id, progress=self.progress))
        return [joined(list(islice(found, len(text)))) for text in self.texts]


def _losses(statistics: Sequence[TokenStatistics]) -> list[float]:
    return [-fmean(text.log_probs) for text in statistics]


def _loss(asked: _Asked) -> list[float]:
    return _losses(asked.statistics)


def _zlib(asked: _Asked) -> list[float]:
    def size(text: Sequence[Encoded]) -> int:
        """Bytes of the packed text."""
        words = (asked.tokenizer.decode(piece.target_ids, skip_special_tokens=True) for piece in text)
        return len(zlib.compress("".join(words).encode()))

    sizes = [size(text) for text in asked.texts]
    return [loss / size for loss, size in zip(_loss(asked), sizes, strict=True)]


def _min_k(asked: _Asked) -> list[float]:
    return [min_k(text.log_probs, asked.k, floor=asked.floor) for text in asked.statistics]


def _min_k_plus_plus(asked: _Asked) -> list[float]:
    return [min_k_plus_plus(text, asked.k, floor=asked.floor) for text in asked.statistics]


def _gradient_norm(asked: _Asked) -> list[float]:
    with evaluating(asked.model):
        pad_id = asked.tokenizer.pad_token_id
        return gradient_norms(asked.model, asked.texts, pad_id=pad_id, progress=asked.progress)


def _reference(asked: _Asked) -> list[float]:
    pairs = zip(_loss(asked), _losses(asked.of(asked.reference)), strict=True)
    return [loss - theirs for loss, theirs in pairs]


ATTACKS: dict[str, Callable[[_Asked], list[float]]] = {
    "loss": _loss,
    "zlib": _zlib,
    "min_k": _min_k,
    "min_k_plus_plus": _min_k_plus_plus,
    "gradient_norm": _gradient_norm,
    "reference": _reference,
}


def membership_scores(
    model: Any,
    tokenizer: Any,
    *,
    rows: Sequence[Encoded | Sequence[Encoded]],
    attacks: Sequence[str] = ("min_k",),
    k: float = K,
    variant: str | Variant = "muse",
    reference: Any = None,
    progress: bool = False,
) -> dict[str, list[float]]:
    """Score texts by several attacks; whatever needs only likelihoods shares one pass.

    - loss: mean negative log-likelihood, nats a token (Yeom et al., 1709.01604);
    - zlib: loss over the bytes of the scored text as zlib packs it (Carlini et al., 2012.07805);
    - min_k, min_k_plus_plus: see those functions;
    - gradient_norm: L2 norm of the gradient of the loss over all weights that require one;
    - reference: loss minus the reference model's, nats a token (Carlini et al., 2012.07805).

    Parameters
    ----------
    model : a Hugging Face causal language model
        Nothing of it is changed, its modes and gradients included.
    tokenizer : its tokenizer
    rows : sequence of Encoded, or of the pieces of each text
        The labelled tokens are scored; all pieces of a text as one.
    attacks : sequence of str
    k : float
        The share of tokens that min_k and min_k_plus_plus look at.
    variant : {"muse", "open_unlearning"} or Variant
        Which tokens count, and whether at least one must.
    reference : a model with the same tokenizer
        For the attack "reference".
    progress : bool
        Show a bar.

    Returns
    -------
    dict of str to list of float
        By attack, in the order of the rows; higher means less likely a member.

    Raises
    ------
    UnknownName, BadInput
        For an attack or variant that is none, a k outside (0, 1], a text without a token to score.
    MissingReference
        For "reference" without a model.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> rows = lab.encode(lab.holdout, loss_on="row")[:2]
    >>> sorted(membership_scores(lab.model, lab.tokenizer, rows=rows, attacks=["loss", "zlib"]))
    ['loss', 'zlib']
    """
    for attack in attacks:
        require_one_of("attack", attack, ATTACKS)
    require_fraction("k", k, one_allowed=True)
    if "reference" in attacks and reference is None:
        raise MissingReference(
            'attack "reference" subtracts the loss of a model that never saw the texts; give one as '
            "reference=model, such as lab.never_learned"
        )
    chosen = as_variant(variant)
    texts = ((row,) if isinstance(row, Encoded) else tuple(row) for row in rows)
    cut = tuple(chosen.cut(text, bos_id=tokenizer.bos_token_id) for text in texts)
    asked = _Asked(model, tokenizer, cut, k, chosen.floor, reference, progress)
    return {attack: ATTACKS[attack](asked) for attack in attacks}
