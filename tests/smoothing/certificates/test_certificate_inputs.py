"""Bad input is refused before any work, with the argument named and a way out."""

from __future__ import annotations

import copy

import pytest
import torch

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference, UnknownName
from unlearnkit.smoothing import (
    EventCertificate,
    against_attacks,
    along_attack,
    certificate_cost,
    certify,
    certify_event,
    spanned_by,
    subspace_of,
)

NAN, INF = float("nan"), float("inf")


# Events


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"event": 3}, "event must be callable"),
        ({"parameters": torch.zeros(2)}, "parameters must be a list"),
        ({"parameters": []}, "parameters must be a list of at least one tensor, not an empty list"),
        ({"parameters": [[1.0]]}, r"parameters\[0\] must be a tensor of floating-point numbers, not list"),
        ({"parameters": [torch.zeros(2, dtype=torch.int64)]}, "not torch.int64"),
        ({"parameters": [torch.zeros(2).bfloat16()]}, r"rounds the noise.*\.float\(\)"),
        ({"parameters": [torch.tensor([1.0, NAN])]}, "no finite numbers"),
        ({"parameters": [torch.tensor([1.0, INF])]}, "no finite numbers"),
        ({"sigma": 0.0}, "sigma must be a finite number above 0"),
        ({"sigma": -1.0}, "sigma must be"),
        ({"sigma": INF}, "sigma must be"),
        ({"sigma": "0.4"}, "sigma must be"),
        ({"samples": 0}, "samples must be an integer, 1 or above"),
        ({"samples": 10.5}, "samples must be"),
        ({"alpha": 0.0}, "alpha must be between 0"),
        ({"alpha": 1.0}, "alpha must be between 0"),
        ({"alpha": 5}, "alpha must be between 0"),
        ({"seed": 1.5}, "seed must be an integer"),
    ],
)
def test_an_event_is_not_certified_with(changes, told):
    given = {
        "event": lambda w: pytest.fail("worked"),
        "parameters": [torch.zeros(2)],
        "sigma": 0.4,
        **changes,
    }
    with pytest.raises(BadInput, match=told):
        certify_event(given.pop("event"), given.pop("parameters"), **given)


def test_a_tensor_given_twice_is_refused():
    weight = torch.zeros(3)
    with pytest.raises(BadInput, match=r"parameters\[1\] lies where parameters\[0\] does"):
        certify_event(lambda w: True, [weight, weight], sigma=1.0)


@pytest.mark.parametrize("answer", [0.73, None, 1, torch.tensor(0.4), torch.tensor([True, False])])
def test_an_event_that_is_no_truth_is_refused_and_the_weights_are_put_back(answer):
    weight = torch.zeros(3)
    with pytest.raises(BadInput, match="event must return True or False"):
        certify_event(lambda w: answer, [weight], sigma=1.0)
    assert torch.equal(weight, torch.zeros(3))


@pytest.mark.parametrize("distance", [-0.1, NAN, "far"])
def test_a_distance_is_a_length(distance):
    with pytest.raises(BadInput, match="distance must be"):
        EventCertificate(9, 10, sigma=1.0, alpha=0.1).at(distance)


# Models and testbeds


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": "gpt2"}, "model must be a causal language model"),
        ({"lab": "atlas"}, "lab must be a testbed"),
        ({"sigma": 0}, "sigma must be"),
        ({"samples": -1}, "samples must be"),
        ({"alpha": 1.5}, "alpha must be"),
        ({"seed": None}, "seed must be"),
        ({"subspace": torch.zeros(2, 3)}, "subspace must be a Subspace"),
        ({"subspace": spanned_by([torch.ones(7)])}, "subspace is one of 7 weights, but the model has"),
        ({"retain_facts": 10**6}, "retain_facts must be"),
        ({"retain_facts": 0}, "retain_facts must be"),
        ({"forget_facts": 1}, "forget_facts must be"),
        ({"forget_facts": 10**6}, "forget_facts must be"),
    ],
)
def test_a_model_is_not_certified_with(toy, changes, told):
    given = {"model": toy.model, "lab": toy, "samples": 1, "retain_facts": 2, **changes}
    with pytest.raises(BadInput, match=told):
        certify(given.pop("model"), given.pop("lab"), **given)


def test_a_model_of_another_shape_is_refused(toy, make_llama):
    with pytest.raises(BadInput, match="not the target's in name and shape"):
        certify(make_llama(0, hidden_size=64), toy, samples=1, retain_facts=2)


def test_a_model_in_half_precision_is_refused(toy, make_llama):
    with pytest.raises(BadInput, match="rounds the noise"):
        certify(make_llama(3).bfloat16(), toy, samples=1, retain_facts=2)


def test_a_model_that_has_diverged_is_refused(toy, make_llama):
    broken = make_llama(3)
    with torch.no_grad():
        next(broken.parameters()).fill_(NAN)
    with pytest.raises(BadInput, match="no finite numbers"):
        certify(broken, toy, samples=1, retain_facts=2)


def test_a_model_that_shares_weights_with_the_target_is_refused(toy, make_llama):
    mixed = make_llama(3)
    mixed.model.layers[0] = toy.model.model.layers[0]
    with pytest.raises(BadInput, match="shares weights"):
        certify(mixed, toy, samples=1, retain_facts=2)


def test_a_folder_is_no_file_to_keep_work_in(toy, tmp_path):
    with pytest.raises(BadInput, match="keep must be a file"):
        certify(toy.model, toy, samples=1, retain_facts=2, keep=tmp_path)


def test_a_testbed_without_questions_is_refused(toy):
    empty = copy.copy(toy)
    object.__setattr__(empty, "retain", uk.testbeds.Split("retain", ()))
    with pytest.raises(BadInput, match="0 kept open-class questions"):
        certificate_cost(empty)


# Subspaces


@pytest.mark.parametrize(
    ("vectors", "told"),
    [
        ([], "at least one flat tensor"),
        (3, "at least one flat tensor"),
        ([torch.zeros(2, 2)], "at least one flat tensor"),
        ([torch.ones(2), torch.ones(3)], "one length"),
        ([torch.tensor([1.0, NAN, 0.0])], "no finite numbers"),
        ([torch.zeros(3)], "all are 0"),
        (torch.eye(4)[:, :3], "span everything"),
    ],
)
def test_no_subspace_is_spanned_by(vectors, told):
    with pytest.raises(BadInput, match=told):
        spanned_by(vectors)


@pytest.mark.parametrize("dimensions", [0, 33, 2.5])
def test_a_subspace_has_at_most_32_dimensions(dimensions):
    with pytest.raises(BadInput, match="dimensions must be"):
        spanned_by([torch.ones(50)], dimensions=dimensions)


def test_a_subspace_is_of_models_of_one_shape(toy, make_llama):
    with pytest.raises(BadInput, match="list of at least one model"):
        subspace_of(toy.model, toy.model)
    with pytest.raises(BadInput, match="not the origin's in name and shape"):
        subspace_of([make_llama(0, hidden_size=64)], toy.model)
    with pytest.raises(BadInput, match="model must be a model"):
        subspace_of(["gpt2"], toy.model)
    with pytest.raises(BadInput, match="displacement must be flat"):
        spanned_by([torch.ones(3)]).share(torch.ones(4))


# Certificates that were made


@pytest.fixture(scope="module")
def found(toy):
    return certify(toy.model, toy, samples=2, retain_facts=2)


def test_a_certificate_is_about_its_own_model_and_lab(toy, found, make_llama, lab):
    other = make_llama(5)
    with pytest.raises(BadInput, match="not the one that was certified"):
        against_attacks(found, other, {"attack": toy.model})
    with pytest.raises(BadInput, match="certificate must be what certify"):
        against_attacks(3, toy.model, {"attack": other})
    with pytest.raises(BadInput, match="attacked must be a dict"):
        against_attacks(found, toy.model, {})
    with pytest.raises(BadInput, match="the list is empty"):
        along_attack(found, toy.model, toy, [])
    with pytest.raises(BadInput, match="points must be"):
        along_attack(found, toy.model, toy, other, points=1)
    strange = copy.copy(toy)
    object.__setattr__(strange, "forget_shown", toy.retain)
    with pytest.raises(BadInput, match="about other facts"):
        along_attack(found, toy.model, strange, other)


def test_a_certificate_is_about_its_own_subspace(toy, found):
    size = sum(weight.numel() for weight in toy.model.parameters())
    one, other = spanned_by([torch.ones(size)]), spanned_by([torch.arange(size) + 1.0])
    within = certify(toy.model, toy, samples=2, retain_facts=2, subspace=one)
    for certificate, given in ((found, one), (within, None), (within, other)):
        with pytest.raises(BadInput, match="subspace: the certificate is one of"):
            against_attacks(certificate, toy.model, {"attack": toy.never_learned}, subspace=given)


def test_an_unknown_fact_names_the_nearest(found):
    key = found.model.facts[0]
    with pytest.raises(UnknownName, match=key):
        found.model.fact(key[:-1])


def test_without_a_control_the_split_has_no_radius(toy):
    alone = copy.copy(toy)
    object.__setattr__(alone, "load_control", None)
    found = certify(toy.model, alone, samples=2, retain_facts=2)
    assert found.never_learned is None
    assert found.model.split is None
    assert "nothing says when the split is forgotten" in found.words
    assert "no control" in found.model.row("model")[-1] or not found.model.works
    with pytest.raises(MissingReference, match="never_learned"):
        _ = found.radius
