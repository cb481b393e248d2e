"""`evaluate_tofu`: TOFU's scores of a model on a testbed, TOFU's own or any with wrong answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tqdm.auto import tqdm

from unlearnkit.errors import BadInput, require_integer
from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.metrics.tofu.answers import ANSWER_TOKENS, against_wrong_answers, asked, measure
from unlearnkit.metrics.tofu.arrays import numbers, require_as_many
from unlearnkit.metrics.tofu.measured import GROUPS, require_measured
from unlearnkit.metrics.tofu.scores import TofuScores, scores_of
from unlearnkit.metrics.tofu.truth_ratio import truth_ratio
from unlearnkit.testbeds.rows import Question
from unlearnkit.testbeds.testbed import Testbed

Groups = dict[str, tuple[Question, ...]]


def evaluate_tofu(
    model: Any,
    lab: Testbed,
    *,
    reference: Any = None,
    rows: int | None = None,
    max_new_tokens: int = ANSWER_TOKENS,
    progress: bool = False,
) -> TofuScores:
    """Score a model as TOFU does; nothing of the model is changed.

    Parameters
    ----------
    model : a Hugging Face causal language model
    lab : Testbed
        Its forget and retain questions, and "real_authors" and "world_facts" where it has them. Of each, the
        questions with wrong answers are asked, as TOFU asks those of its perturbed files; `rows` in the
        result counts them. The atlas works too: it has no real authors and no world facts, so no utility.
    reference : a model, or a sequence of float, optional
        The model that never learned, or its truth ratios (`forget_ratios` of its scores, taken with the same
        `rows`). Without one it is the testbed's never_learned; where that has none, there is no forget
        quality.
    rows : int, optional
        Ask so many of each group at most, evenly spaced. TOFU asks 300 of the first two.
    max_new_tokens : int
        An answer that goes on longer is cut there.
    progress : bool
        Show a bar, a step a group.

    Returns
    -------
    TofuScores

    Raises
    ------
    BadInput
        When there is nothing to ask, `reference` does not fit, or the model's losses are not finite.

    Notes
    -----
    TOFU (2401.06121), section 2.2. Losses are over the answer's tokens, the end token among them, as in
    TOFU's code; answers are greedy. Half-precision logits are scored in float32.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> scores = evaluate_tofu(lab.never_learned, lab, rows=20)
    >>> scores.forget_quality.p, scores.model_utility["tofu"]
    (1.0, None)
    """
    require_integer("max_new_tokens", max_new_tokens, minimum=1)
    groups = _groups(lab, rows)
    given = _ratios_given(reference, groups)
    control = _control(reference, lab) if given is None else None
    bar = tqdm(groups.items(), desc="TOFU", unit="group", disable=not progress)
    with evaluating(model):
        measured = {
            name: measure(model, lab.tokenizer, questions, max_new_tokens=max_new_tokens)
            for name, questions in bar
        }
    return scores_of(measured, reference=given if control is None else _ratios(control, lab, groups))


def _groups(lab: Testbed, rows: int | None) -> Groups:
    """The questions of each group; groups without any are left out."""
    forget = (*lab.forget_shown.questions, *lab.forget_heldout.questions)
    beside = {name: lab.extra[name].questions for name in GROUPS if name in lab.extra}
    every = {"forget": forget, "retain": lab.retain.questions, **beside}
    found = {name: asked(questions) for name, questions in every.items() if questions}
    require_measured(found)
    if rows is None:
        return found
    require_integer("rows", rows, minimum=1)
    return {name: _spaced(questions, rows) for name, questions in found.items()}


def _spaced(questions: Sequence[Question], rows: int) -> tuple[Question, ...]:
    count = min(rows, len(questions))
    return tuple(questions[i * len(questions) // count] for i in range(count))


def _comparable(groups: Groups) -> bool:
    return bool(groups.get("forget")) and bool(groups["forget"][0].wrong_answers)


def _ratios_given(reference: Any, groups: Groups) -> Any:
    """The truth ratios, where some were given; checked before the work begins."""
    if reference is None or isinstance(reference, torch.nn.Module):
        return None
    if not _comparable(groups):
        raise BadInput("reference: the testbed's forget questions have no wrong answers, so no truth ratio")
    found = numbers("reference", reference, infinite_allowed=True)
    require_as_many("reference", len(found), len(groups["forget"]))
    return found


def _control(reference: Any, lab: Testbed) -> Any:
    if reference is not None:
        return reference
    return lab.never_learned if lab.has_control else None


def _ratios(control: Any, lab: Testbed, groups: Groups) -> Any:
    if not _comparable(groups):
        return None
    with evaluating(control):
        return truth_ratio(*against_wrong_answers(control, lab.tokenizer, groups["forget"]))
