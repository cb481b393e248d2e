"""Kept answers say what the scores say: the lab's own model, its own questions."""

from __future__ import annotations

import pytest

from unlearnkit.metrics import evaluate_with_answers
from unlearnkit.studies.cells import Problem


@pytest.mark.parametrize("name", ["target", "never_learned", "perturbed"])
def test_the_share_of_right_answers_is_the_score(name, lab, noisy, store, content, make_row):
    model = {"target": lab.model, "perturbed": noisy(lab.model, 0.05)}.get(name) or lab.never_learned
    scores, answers = evaluate_with_answers(model, lab, verbatim=False)
    row = make_row(scores=scores.to_dict(), answers=answers, attacks=[])
    questions = Problem("entities", 1).questions()
    store.add_results(content | {"rows": [row], "controls": [], "questions": questions})
    frame = store.answers("r0")
    assert list(frame.id) == list(answers) == [question["id"] for question in questions]
    for split in ("shown", "heldout"):
        half = frame[frame.open_class & (frame.split == split)]
        assert half.right.mean() == pytest.approx(scores.to_dict()[f"knowmem_forget_{split}"], abs=1e-12)
    closed = frame[~frame.open_class.astype(bool)]
    assert closed.right.mean() == pytest.approx(scores.closed_class["forget"], abs=1e-12)
