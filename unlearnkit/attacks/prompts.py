"""Prompts: ask for what was forgotten in other words, or with the beginning of the answer.

No weight moves. What changes is the testbed that the model is scored on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from unlearnkit.attacks.kind import AttackKind, Params, one_by_one
from unlearnkit.errors import BadInput, require_one_of
from unlearnkit.metrics.knowmem import normalise
from unlearnkit.testbeds.encoding import encode_row
from unlearnkit.testbeds.rows import Question, Row, Split
from unlearnkit.testbeds.testbed import Testbed


@dataclass(frozen=True)
class HintedQuestion(Question):
    """A question with the beginning of its answer; `answer` is what is still asked for.

    Attributes
    ----------
    hint, rest : str
        The two parts of the answer with the space before it: " Ti" and "rana".
    """

    hint: str = ""
    rest: str = ""

    @property
    def prompt(self) -> str:
        """The question and the hint."""
        return super().prompt + self.hint

    @property
    def target(self) -> str:
        """The rest of the answer."""
        return self.rest


def reword(lab: Testbed, *, kind: str) -> Testbed:
    """The testbed with the same facts asked for in another way.

    Parameters
    ----------
    lab : Testbed
        Never changed.
    kind : {"paraphrase", "hint"}
        "paraphrase": the second phrasing, which the target was trained on and no unlearner saw.
        "hint": the first phrasing, with the answer's first token behind "Answer:" ("Answer: T", and
        "irana" is asked for). A first token that is only a space brings the next one along. Questions
        whose answer would be given away whole are left out, most closed-class ones among them, and so are
        those whose hint and rest, encoded apart, would not be the answer's own tokens.

    Returns
    -------
    Testbed
        `forget_shown`, `forget_heldout` and `retain` ask anew; model, control, passages, and what an
        unlearner sees stay. Its scores are comparable with other scores on a testbed reworded alike, so
        always show never_learned's beside them: a hint helps whoever guesses, too.

    Notes
    -----
    Measured with `evaluate`, atlas fold 1, both tasks, questions of the open class, shown / held out:

    - "paraphrase": target 1.00 / 1.00, never_learned 0.00 / 0.00.
    - "hint": target 1.00 / 1.00, never_learned 0.00 / 0.02 (entities) and 0.00 / 0.00 (topic). Left out are 2
      of 93 questions to forget and 7 of 564 to keep (entities), 0 of 157 and 9 of 500 (topic): answers of one
      digit. Of closed-class answers never_learned guesses 0.42 with the hint, 0.17 without.

    Raises
    ------
    UnknownName
        For another kind.
    BadInput
        When a question has no second phrasing, or no question can be hinted at.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> print(reword(lab, kind="hint").forget_shown.questions[0].prompt)
    Question: What is the international calling code of Albania?
    Answer: 3
    """
    require_one_of("kind", kind, WORDINGS)
    ask = partial(WORDINGS[kind], lab)
    shown, heldout, retain = (
        _split(each, ask) for each in (lab.forget_shown, lab.forget_heldout, lab.retain)
    )
    if not (shown.questions or heldout.questions or retain.questions):
        raise BadInput(f'kind: no question of testbed {lab.name!r} can be asked as "{kind}"')
    return replace(
        lab,
        forget_shown=shown,
        forget_heldout=heldout,
        retain=retain,
        load_control=(lambda: lab.never_learned) if lab.has_control else None,  # loaded once for both
    )


def _split(split: Split, ask: Callable[[Question], Question | None]) -> Split:
    asked = (ask(row) if isinstance(row, Question) else row for row in split.rows)
    rows: tuple[Row, ...] = tuple(row for row in asked if row is not None)
    return Split(split.name, rows)


def _paraphrase(lab: Testbed, question: Question) -> Question:
    if not question.paraphrase:
        raise BadInput(
            f"kind: testbed {lab.name!r} has no second phrasing of {question.question!r}; give its questions "
            'a `paraphrase`, or use kind="hint"'
        )
    return replace(question, question=question.paraphrase, paraphrase=question.question)


def _hint(lab: Testbed, question: Question) -> Question | None:
    """The hinted question, or None where nothing would be left to ask for."""
    whole = encode_row(question, lab.tokenizer)
    ids = whole.target_ids[:-1]
    given = next((n for n in range(1, len(ids)) if lab.tokenizer.decode(ids[:n]).strip()), len(ids))
    hint = str(lab.tokenizer.decode(ids[:given]))
    rest = question.target.removeprefix(hint)
    if not normalise(rest) or hint + rest != question.target:
        return None
    shared = {name: getattr(question, name) for name in ("subject", "relation", "question", "open_class")}
    hinted = HintedQuestion(**shared, answer=rest.strip(), hint=hint, rest=rest)
    # Hint and rest are encoded apart; where that gives tokens that no model was trained on, nothing is asked.
    return hinted if encode_row(hinted, lab.tokenizer).input_ids == whole.input_ids else None


WORDINGS: dict[str, Callable[[Testbed, Question], Question | None]] = {
    "paraphrase": _paraphrase,
    "hint": _hint,
}


def _no_params(parts: Mapping[str, str | None]) -> Params:
    return ()


def _prompt(kind: str) -> AttackKind:
    def untouched(model: Any, lab: Testbed, seed: int, params: dict[str, Any]) -> Any:
        """The model as it is: only what it is asked changes."""
        return copy.deepcopy(model).eval()

    return AttackKind(
        name=kind,
        forms=kind,
        pattern=kind,
        read=_no_params,
        write=lambda params: kind,
        run=one_by_one(untouched),
        testbed=partial(reword, kind=kind),
    )


PARAPHRASE, HINT = _prompt("paraphrase"), _prompt("hint")
