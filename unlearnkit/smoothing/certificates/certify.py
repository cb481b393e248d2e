"""A certified forgetting radius of a model on a testbed, with the controls without which it says nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unlearnkit.flatness.tables import html_table
from unlearnkit.smoothing.certificates.certificate import Certificate
from unlearnkit.smoothing.certificates.certify_event import require_sampling
from unlearnkit.smoothing.certificates.exact_answers import ROWS_AT_ONCE, facts_of
from unlearnkit.smoothing.certificates.judging import certified_model, floor_of, thresholds_of
from unlearnkit.smoothing.certificates.noisy_answers import CERTIFY, Asking, WeightNoise, require_path
from unlearnkit.smoothing.certificates.same_noise import by_name, distinct, named_models, require_subspace
from unlearnkit.smoothing.certificates.subspace import Subspace
from unlearnkit.smoothing.noise import size_of
from unlearnkit.testbeds.testbed import Testbed


def certify(
    model: Any,
    lab: Testbed,
    *,
    sigma: float = 0.02,
    samples: int = 1000,
    alpha: float = 0.001,
    seed: int = 0,
    subspace: Subspace | None = None,
    forget_facts: int | None = None,
    retain_facts: int = 60,
    keep: str | Path | None = None,
    progress: bool = False,
) -> Certificate:
    """How far a model's weights may be moved while its smoothed self goes on missing what it forgot.

    Noise N(0, sigma^2 I) is added to the weights, again and again, and facts are asked. A fact is forgotten
    where the greedy answer is not exactly the true one (see `ExactAnswers`). From the count follows a lower
    bound p of its probability (Clopper-Pearson), and from that R = sigma Phi^-1(p): within R, in L2, the
    smoothed model misses the fact by majority, whatever displaced the weights (Cohen, Rosenfeld, Kolter 2019,
    1902.02918, theorem 1, on weights). The same for the split: the event that both halves are forgotten by
    the knowledge half of the rule of `Run.status`, with never_learned's exact answers as its reference.

    Noise that wrecks a model makes it "forget" everything. So the smoothed model must keep at least 0.8 of
    the kept facts that it, or the target, answers without noise, or it abstains (see `Retention.works`); and
    the target and never_learned are certified under the same noise: the headline is the excess over the
    target, which has forgotten nothing.

    What it is not: a statement about the model without noise; about other norms than L2, or displacements
    beyond R, as most attacks' are (see `against_attacks`); about other metrics, questions or phrasings.

    Parameters
    ----------
    model : a Hugging Face causal language model
        Of the target's architecture, in float32 or finer. It is moved in place and put back to the bit, also
        after errors and Ctrl-C; so are the testbed's models.
    lab : Testbed
    sigma : float
        Standard deviation of each weight's noise; within a subspace, of each of its coordinates. Chosen
        beforehand: the best of several, picked by their radii, is not covered by alpha; take another seed.
    samples : int
        Draws of the noise, the same ones for all models. R is at most sigma Phi^-1(alpha^(1 / samples)).
    alpha : float
        The risk of each statement on its own: of each fact's, of the split's, and of that the smoothed model
        works; a radius and that hold together with confidence 1 - 2 alpha. For all facts at once ask the
        certificate with simultaneous=True, which takes alpha over their number (Bonferroni).
    seed : int
    subspace : Subspace, optional
        Noise within it only. It must have been fixed without looking at this noise.
    forget_facts, retain_facts : int
        So many open-class questions, evenly spaced; all of the forget ones if not given.
    keep : path, optional
        A file in which finished samples are kept, 25 at a time: started again it goes on where it stopped,
        more samples are added to those there, and the controls are not computed again for another model.
    progress : bool

    Returns
    -------
    Certificate
        `.model.radii()`, `.radius` of the split, `.excess_share()`, `.abstained`, `.words`.

    Raises
    ------
    BadInput
        Before any work: for what is no model or testbed, other shapes than the target's, half precision,
        weights that are no numbers, bad numbers, a subspace of other weights, more facts than there are.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> lab = uk.load_testbed("atlas", fold=1)
    >>> found = certify(lab.never_learned, lab, sigma=0.01, samples=4, forget_facts=8, retain_facts=8)
    >>> found.never_learned.forgotten
    (4, 4, 4, 4, 4, 4, 4, 4)
    """
    require_sampling(sigma, samples, alpha, seed)
    models = named_models(model, lab)
    require_subspace(subspace, model)
    facts = facts_of(lab, forget_facts=forget_facts, retain_facts=retain_facts)
    asking = Asking(distinct(models), facts, lab.tokenizer, require_path(keep))
    noise = WeightNoise(float(sigma), int(seed), CERTIFY, subspace)
    plain = by_name(models, asking.plain())
    found = by_name(models, asking.noisy(noise, samples, progress=progress))
    keys = by_name(models, asking.keys)
    thresholds = thresholds_of(facts, plain.get("never_learned"))
    certified = {
        name: certified_model(
            facts, answers, plain[name], sigma=float(sigma), alpha=float(alpha), thresholds=thresholds,
            floor=floor_of(facts, plain[name], plain["target"]), weights=keys[name],
        )
        for name, answers in found.items()
    }  # fmt: skip
    return Certificate(
        model=certified["model"], target=certified["target"], never_learned=certified.get("never_learned"),
        dimensions=subspace.dimensions if subspace else size_of(list(model.parameters())),
        subspace=subspace.key if subspace else None, thresholds=thresholds, seed=int(seed),
        forward_passes=len(asking.models) * (samples + 1),
    )  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What `certify` takes from nothing.

    Attributes
    ----------
    forward_passes : int
        Each over all facts: for every model one a sample, and one without noise.
    rows, batches : int
        Facts asked in a pass, and the batches that they come in.
    models : int
        The model, the target and the control, each once.
    """

    forward_passes: int
    rows: int
    batches: int
    models: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        row = tuple(f"{value:,}" for value in asdict(self).values())
        return html_table("what certifying takes", ("forward passes", "rows", "batches", "models"), [row])


def certificate_cost(
    lab: Testbed, *, samples: int = 1000, forget_facts: int | None = None, retain_facts: int = 60
) -> Cost:
    """What certifying a model costs, known beforehand: forward passes, and the rows of each.

    A certificate of the target or of never_learned takes a third less; what a `keep` file holds is free.

    Examples
    --------
    >>> import unlearnkit as uk
    >>> certificate_cost(uk.load_testbed("atlas", fold=1), samples=1000)
    Cost(forward_passes=3003, rows=153, batches=4, models=3)
    """
    require_sampling(1.0, samples, 0.5, 0)
    facts = facts_of(lab, forget_facts=forget_facts, retain_facts=retain_facts)
    rows, models = len(facts.all), 2 + lab.has_control
    return Cost(models * (samples + 1), rows, -(-rows // ROWS_AT_ONCE), models)
