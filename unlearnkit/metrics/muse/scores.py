"""MUSE's four metrics of a model on a testbed."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from unlearnkit.errors import BadInput, MissingReference, require_integer, require_one_of
from unlearnkit.metrics.evaluating import evaluating
from unlearnkit.metrics.membership.attacks import membership_scores
from unlearnkit.metrics.membership.compared import Compared, compared
from unlearnkit.metrics.muse.estimate import Estimate, bootstrap_mean
from unlearnkit.metrics.muse.examples import examples_of
from unlearnkit.metrics.muse.knowmem import knowmem
from unlearnkit.metrics.muse.privleak import AUC_RETRAIN, K, PrivLeak, check_reference_auc, privleak
from unlearnkit.metrics.muse.verbmem import verbmem
from unlearnkit.metrics.verbmem import verbatim
from unlearnkit.testbeds.testbed import Testbed

NO_REFERENCE = (
    "no reference: PrivLeak compares with a model that never saw the forget texts; give it, or its AUC, as "
    "reference="
)
RECITALS = {"128": verbmem, "true": verbatim}
VERBMEM_WORDS = {"128": "128 tokens are asked for, as in MUSE", "true": "as many tokens as the true text has"}


@dataclass(frozen=True)
class MuseScores:
    """MUSE's metrics of one model.

    Attributes
    ----------
    verbmem_forget : Estimate
        Mean ROUGE-L F1 without stemming of 128 greedy tokens, 0 to 1; higher means more known by heart.
        MUSE's tables print it times 100, as the next two.
    knowmem_forget : Estimate
        Mean ROUGE-L F1 without stemming of few-shot answers about what must be forgotten; higher means more
        known.
    utility : Estimate
        The same about what must be kept: higher is better.
    privleak : PrivLeak, optional
        Percent; 0 is best: see `PrivLeak`.
    verbmem_length : {"128", "true"}
        How many tokens VerbMem asked for.
    notes : tuple of str
        Where this is not MUSE's own setting, what of its files is missing or was cut, and why PrivLeak is
        missing where it is.
    """

    verbmem_forget: Estimate
    knowmem_forget: Estimate
    utility: Estimate
    privleak: PrivLeak | None
    verbmem_length: str
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; `muse_privleak_min_40` is None without a reference."""
        length = "" if self.verbmem_length == "128" else "_true_length"
        leak = {"muse_privleak_min_40": None} if self.privleak is None else self.privleak.to_dict()
        return {
            **self.verbmem_forget.named(f"muse_verbmem_forget_rouge_l_f1{length}"),
            **self.knowmem_forget.named("muse_knowmem_forget_rouge_l_f1"),
            **self.utility.named("muse_utility_knowmem_retain_rouge_l_f1"),
            **leak,
            "muse_notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        leak = "–" if self.privleak is None else str(self.privleak)
        rows = {
            "VerbMem forget": self.verbmem_forget, "KnowMem forget": self.knowmem_forget,
            "PrivLeak": leak, "utility (KnowMem retain)": self.utility,
        }  # fmt: skip
        cells = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows.items())
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        return f"<table><tr><th>MUSE</th><th>value [95 %]</th></tr>{cells}</table><ul>{notes}</ul>"


def evaluate_muse(
    model: Any,
    lab: Testbed,
    *,
    reference: Any = None,
    pairs: int | None = None,
    trailing_space: bool = False,
    verbmem_length: str = "128",
    seed: int = 0,
    progress: bool = False,
) -> MuseScores:
    """Score a model by MUSE's metrics; nothing of the model is changed.

    Parameters
    ----------
    model : a Hugging Face causal language model
    lab : Testbed
        From MUSE's files, or any other: what differs from MUSE's own setting stands in the notes.
    reference : model, float or str, optional
        What PrivLeak compares with: the retrained model, its AUC of forget against holdout in MUSE's
        orientation, or "muse_news", "muse_books" for muse_bench's constants. Unless given, the testbed's
        never_learned, where it has one and texts to compare.
    pairs : int, optional
        Examples before each question. Unless given: MUSE's 10 where the testbed brings them, else none. Given
        for a testbed without, they are drawn from the retain questions, and those drawn are not asked. The
        atlas's models never saw two questions in a row: with two examples the target answers none right, so
        they need pairs=0 in MUSE's files, too.
    trailing_space : bool
        See `knowmem`.
    verbmem_length : {"128", "true"}
        How many tokens VerbMem asks for: MUSE's 128 always, or as many as the true continuation has. On the
        atlas's topic task, whose passages end in the middle of a page, the target goes on, and MUSE's
        rule gives it less than 0.8.
    seed : int
        Of the bootstrap, and of pairs that are drawn.
    progress : bool
        Show a bar.

    Returns
    -------
    MuseScores

    Raises
    ------
    BadInput, UnknownName
        For a reference that cannot be a retrained model, a prompt that does not fit into the model.
    MissingReference
        When the testbed has no passages, questions or, with a reference, holdout texts.

    References
    ----------
    Shi et al., "MUSE: Machine Unlearning Six-Way Evaluation for Language Models" (2407.06460), section 3.1.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas")
    >>> scores = evaluate_muse(lab.never_learned, lab, reference=0.5)
    >>> scores.utility.mean > 0.95, scores.knowmem_forget.mean < 0.1, abs(scores.privleak.value) < 20
    (True, True, True)
    """
    if pairs is not None:
        require_integer("pairs", pairs, minimum=0)
    require_one_of("verbmem_length", verbmem_length, RECITALS)
    _check_reference(reference, lab)
    forget = examples_of(lab, "forget", pairs=pairs, seed=seed)
    retain = examples_of(lab, "retain", pairs=pairs, seed=seed)
    if not lab.verbatim_forget:
        raise MissingReference(
            f"testbed {lab.name!r} has no passages to forget, so there is no VerbMem to take"
        )
    texts, why_not = _texts(lab, reference)
    leak = None
    if texts is not None:
        against = lab.never_learned if reference is None else reference
        leak = _privleak(model, lab, texts, against, seed=seed, progress=progress)
    with evaluating(model):
        recited = RECITALS[verbmem_length](model, lab.tokenizer, lab.verbatim_forget)
        known, kept = (
            knowmem(
                model, lab.tokenizer,
                questions=side.questions, pairs=side.pairs, trailing_space=trailing_space,
            )
            for side in (forget, retain)
        )  # fmt: skip
    means = [
        bootstrap_mean(values, seed=seed, stream=name)
        for name, values in (("verbmem", recited), ("knowmem", known.scores), ("utility", kept.scores))
    ]
    notes = [forget.note(known.pairs), retain.note(kept.pairs)]
    notes.append(f"VerbMem: {VERBMEM_WORDS[verbmem_length]}")
    notes.append(f"PrivLeak: {why_not if texts is None else texts.words}")
    notes += [f"files: {note}" for note in lab.notes]
    return MuseScores(means[0], means[1], means[2], leak, verbmem_length, tuple(notes))


def _texts(lab: Testbed, reference: Any) -> tuple[Compared | None, str]:
    """What PrivLeak compares; None, and why, where nobody asked for it and it cannot be taken."""
    if reference is not None:
        return compared(lab), ""
    if not lab.has_control:
        return None, NO_REFERENCE
    try:
        return compared(lab), ""
    except MissingReference as error:
        return None, str(error)


def _check_reference(reference: Any, lab: Testbed) -> None:
    """Before any work: a number must be able to be an AUC, a model must not be the target."""
    if isinstance(reference, int | float):
        check_reference_auc(reference)
    elif isinstance(reference, str):
        require_one_of("reference", reference, AUC_RETRAIN)
    elif reference is lab.model:
        raise BadInput(
            "reference: this is the testbed's target, which learned the forget texts, so PrivLeak against it "
            "says nothing. Give a model that never saw them, such as lab.never_learned"
        )
    elif reference is not None and not hasattr(reference, "parameters"):
        raise BadInput(
            f"reference must be a model, an AUC or one of {', '.join(AUC_RETRAIN)}, not {reference!r}; "
            "without one there is no PrivLeak"
        )


def _privleak(
    model: Any, lab: Testbed, texts: Compared, reference: Any, *, seed: int, progress: bool
) -> PrivLeak:
    def scores(of: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """A model's Min-40 % of forget and of holdout."""
        found = membership_scores(
            of, lab.tokenizer, rows=texts.both, k=K, variant=texts.variant, progress=progress
        )
        return texts.split(found["min_k"])

    known = isinstance(reference, int | float | str)
    forget, holdout = scores(model)
    return privleak(forget, holdout, reference=reference if known else scores(reference), seed=seed)
