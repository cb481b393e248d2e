"""One word for what became of a run: six words, their order and their edges, from made-up scores."""

from __future__ import annotations

import math

import pytest

from unlearnkit.metrics import References, Scores
from unlearnkit.unlearning import STATUSES, judge


def made(shown=0.0, heldout=0.0, retain=1.0, nll=4.0) -> Scores:
    """Scores of a model that forgot just as deep as never_learned."""
    return Scores(shown, heldout, retain, 0.3, 1.0, nll, 0.1)


TARGET = made(shown=1.0, heldout=1.0, nll=0.0)
AGAINST = References(target=TARGET, never_learned=made())


@pytest.mark.parametrize(
    ("scores", "status"),
    [
        (made(), "forgotten"),
        # retain: 0.8 of the target's 1.0 is enough
        (made(retain=0.8), "forgotten"),
        (made(retain=0.799), "destroyed"),
        (made(retain=math.nan), "destroyed"),
        # knowledge: 0.05 above never_learned's 0.0 is allowed, in either half
        (made(shown=0.05), "forgotten"),
        (made(shown=0.051), "not reached"),
        (made(heldout=0.05), "forgotten"),
        (made(heldout=0.051), "not reached"),
        # depth: 25 % of never_learned's 4 nats to either side
        (made(nll=3.0), "forgotten"),
        (made(nll=2.99), "not reached"),
        (made(nll=5.0), "forgotten"),
        (made(nll=5.01), "over-forgotten"),
        # the first that applies
        (made(retain=0.5, shown=1.0, nll=0.0), "destroyed"),
        (made(retain=0.5, nll=99.0), "destroyed"),
        (made(shown=0.5, nll=99.0), "not reached"),
        (TARGET, "not reached"),
    ],
)
def test_the_first_that_applies(scores, status):
    assert judge(scores, AGAINST) == status
    assert status in STATUSES


@pytest.mark.parametrize("scores", [made(), made(retain=0.0), TARGET, made(nll=99.0)])
def test_divergence_goes_before_every_score(scores):
    assert judge(scores, AGAINST, diverged=True) == "diverged"


@pytest.mark.parametrize("diverged", [True, False])
@pytest.mark.parametrize("scores", [made(), made(retain=0.0), TARGET])
def test_without_a_control_nothing_is_claimed(scores, diverged):
    alone = References(target=TARGET, never_learned=None)
    assert judge(scores, alone, diverged=diverged) == "no control"


def test_margins_hang_on_the_references_and_not_on_absolute_numbers():
    poor = References(target=made(retain=0.5), never_learned=made(shown=0.2, heldout=0.1, nll=2.0))
    assert judge(made(shown=0.24, heldout=0.14, retain=0.41, nll=2.4), poor) == "forgotten"
    assert judge(made(shown=0.24, heldout=0.16, retain=0.41, nll=2.4), poor) == "not reached"
    assert judge(made(shown=0.24, heldout=0.14, retain=0.39, nll=2.4), poor) == "destroyed"
    assert judge(made(shown=0.24, heldout=0.14, retain=0.41, nll=2.6), poor) == "over-forgotten"


def test_the_words_stand_in_the_order_in_which_they_apply():
    assert STATUSES == (
        "no control", "diverged", "destroyed", "not reached", "over-forgotten", "forgotten",
    )  # fmt: skip
