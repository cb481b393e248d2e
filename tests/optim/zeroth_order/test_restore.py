"""Two ways of looking beside the weights: the same estimate to the bit, and the weights left alone."""

from __future__ import annotations

import copy
import weakref

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import LlamaConfig, LlamaForCausalLM

import unlearnkit as uk
from unlearnkit.errors import WrongClosure
from unlearnkit.optim import Directions, forward_difference, two_point

RULES = list(uk.optim.catalogue().query("grade == 'zeroth order'").name)
OPTIONS = [
    {"restore": restore, "difference": difference, "keep_directions": keep}
    for restore in ("copy", "layerwise")
    for difference in ("central", "forward")
    for keep in (False, True)
]
TOKENS = torch.tensor([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]])


def llama(**settings):
    """A tiny Llama in training mode, with dropout in its attention, and its loss."""
    config = LlamaConfig(
        vocab_size=11, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
        attention_dropout=0.4, **settings,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config).train()
    return model, lambda: model(input_ids=TOKENS, labels=TOKENS).loss


def stepped(model, loss_of, name="adazo", steps=3, **options):
    optimizer = uk.optim.create(
        name, model.parameters(), lr=1e-3, **{"queries": 2, "radius": 0.01, **options}
    )
    losses = [optimizer.step(loss_of).item() for _ in range(steps)]
    return losses, copy.deepcopy(model.state_dict())


def same(one, other):
    return all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("difference", ["central", "forward"])
@pytest.mark.parametrize("directions", ["sphere", "rademacher"])
@pytest.mark.parametrize("tied", [False, True])
def test_on_a_language_model_all_ways_take_the_same_steps(tied, directions, difference):
    # in training mode: if dropout did not drop the same units in all of them, no two would agree
    ends = []
    for restore, keep in (("copy", False), ("copy", True), ("layerwise", False), ("layerwise", True)):
        model, loss_of = llama(tie_word_embeddings=tied)
        ends.append(
            stepped(model, loss_of, directions=directions, difference=difference, restore=restore,
                    keep_directions=keep)
        )  # fmt: skip
    for losses, weights in ends[1:]:
        assert losses == ends[0][0]
        assert same(weights, ends[0][1])


@pytest.mark.parametrize("restore", ["copy", "layerwise"])
def test_what_is_frozen_in_a_language_model_stays(restore):
    model, loss_of = llama()
    model.model.embed_tokens.weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    _, after = stepped(model, loss_of, restore=restore)
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == set(before) - {"model.embed_tokens.weight"}


@pytest.mark.parametrize("restore", ["copy", "layerwise"])
def test_tied_weights_are_moved_to_one_place_and_counted_once(restore):
    tied, seen = torch.nn.Parameter(torch.zeros(3, 3)), []
    optimizer = uk.optim.AdaZO([tied, tied], queries=1, radius=0.1, restore=restore)
    assert optimizer.radius_l2 == pytest.approx(0.3)
    optimizer.step(lambda: seen.append((tied * 1.0, tied + 0.0)) or (tied @ tied.T + tied).sum())
    for one, other in seen:
        assert torch.equal(one, other)
        assert one.norm().item() == pytest.approx(0.3, rel=1e-5)


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))
@pytest.mark.parametrize("name", RULES)
def test_a_step_broken_off_changes_no_bit_and_can_be_taken_again(name, options, fault):
    start = torch.tensor([1.0, -1.0, 0.3, 1e-7])
    ends = []
    for call in (None, 1, 2, 3):
        weight, calls = torch.nn.Parameter(start.clone()), []
        optimizer = uk.optim.create(name, [weight], lr=0.01, queries=2, **options)

        def loss_of(weight=weight):
            return (weight.square() * torch.tensor([1.0, 10.0, 3.0, 0.5])).sum()

        def broken_off(call=call, calls=calls, loss_of=loss_of):
            calls.append(1)
            if len(calls) == call:
                raise fault("now")
            return loss_of()

        if call:
            with pytest.raises(fault):
                optimizer.step(broken_off)
            assert torch.equal(weight, start)
            assert not optimizer.state
        ends.append((optimizer.step(loss_of).item(), weight.tolist()))
        assert weight.grad is None
    assert all(end == ends[0] for end in ends)


@pytest.mark.parametrize("difference", [two_point, forward_difference])
def test_layerwise_never_writes_into_a_weight(difference):
    weight = torch.nn.Parameter(torch.linspace(-1, 1, 5))
    version = weight._version
    difference(
        lambda: weight.square().sum(), [weight], directions=Directions(), queries=3, radius=0.1, step=0,
        name="test", restore="layerwise",
    )  # fmt: skip
    assert weight._version == version


def test_a_closure_that_reads_weights_behind_torchs_back_needs_the_copy():
    weight = torch.nn.Parameter(torch.ones(2))
    taken_before = weight.detach()
    with pytest.raises(WrongClosure, match='restore="copy" works with any'):
        uk.optim.AdaZO([weight], restore="layerwise").step(taken_before.sum)
    uk.optim.AdaZO([weight], lr=0.1).step(taken_before.sum)
    assert weight.tolist() != [1.0, 1.0]


@pytest.mark.parametrize("restore", ["copy", "layerwise"])
def test_a_backward_with_gradients_switched_on_by_the_closure_is_noticed(restore):
    weight = torch.nn.Parameter(torch.ones(2))

    def closure():
        with torch.enable_grad():
            loss = weight.square().sum()
            loss.backward()
        return loss

    with pytest.raises(WrongClosure, match="calls backward"):
        uk.optim.ZOSGD([weight], restore=restore).step(closure)
    assert weight.grad is None


@pytest.mark.parametrize("restore", ["copy", "layerwise"])
def test_a_loss_that_is_the_weight_itself_has_slope_one(restore):
    weight = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    uk.optim.ZOSGD([weight], lr=0.5, directions="rademacher", restore=restore).step(lambda: weight)
    assert weight.item() == pytest.approx(1.5)


@pytest.mark.parametrize("restore", ["copy", "layerwise"])
def test_autocast_keeps_no_weight_of_another_place(restore):
    # within one autocast torch keeps the bfloat16 copy of a weight, and would take it for both sides
    weight = torch.nn.Parameter(torch.ones(4, 4))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, (g,) = two_point(
            lambda: F.linear(torch.ones(1, 4), weight).float().sum(), [weight],
            directions=Directions("rademacher", seed=1), queries=1, radius=0.25, step=0, name="test",
            restore=restore,
        )  # fmt: skip
        assert F.linear(torch.ones(1, 4), weight).float().sum() == 16
    assert loss.item() == 16
    u = Directions("rademacher", seed=1).draw([weight], "direction", 0, 0)[0]
    assert u.sum() != 0
    assert torch.equal(g, u.sum() * u)


class Alive(TorchDispatchMode):
    """The bytes of tensors that were made inside and are still held; the most there ever were."""

    def __init__(self):
        super().__init__()
        self.bytes, self.peak, self.counts = 0, 0, {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given = {id(item) for item in tree_leaves((args, kwargs))}
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and id(tensor) not in given:
                self.hold(tensor)
        return out

    def hold(self, tensor):
        storage = tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place not in self.counts:
            self.bytes += size
            self.peak = max(self.peak, self.bytes)
        self.counts[place] = self.counts.get(place, 0) + 1
        weakref.finalize(tensor, self.release, place, size)

    def release(self, place, size):
        self.counts[place] -= 1
        if not self.counts[place]:
            del self.counts[place]
            self.bytes -= size


LAYERS, WIDTH = 8, 512


def most_beside_the_weights(**options):
    """The most that a step holds beside the weights and the rule's state, in tensors of one layer."""
    model = torch.nn.Sequential(*(torch.nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(LAYERS)))
    inputs = torch.ones(1, WIDTH)
    optimizer = uk.optim.ZOSGD(model.parameters(), queries=3, **options)
    with Alive() as alive:
        optimizer.step(lambda: model(inputs).square().mean())
    return alive.peak / (4 * WIDTH * WIDTH)


@pytest.mark.parametrize("difference", ["central", "forward"])
@pytest.mark.parametrize("directions", ["gaussian", "sphere", "rademacher"])
def test_layerwise_holds_two_tensors_of_one_layer_and_a_copy_holds_them_all(directions, difference):
    # one direction that becomes the moved weight; at the update, one direction and their sum
    options = {"directions": directions, "difference": difference}
    assert 1 <= most_beside_the_weights(restore="layerwise", **options) < 2.2
    assert LAYERS + 1 <= most_beside_the_weights(restore="copy", **options) < LAYERS + 2.2
    assert 3 * LAYERS <= most_beside_the_weights(keep_directions=True, **options) < 3 * LAYERS + 1.2
