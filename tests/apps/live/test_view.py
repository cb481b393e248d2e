"""Watching changes nothing: the run is `unlearn`'s to the bit, and nobody else's random numbers move."""

from __future__ import annotations

import dataclasses
from threading import Event

import pytest
import torch

import unlearnkit as uk
from unlearnkit.apps import LiveUnlearning
from unlearnkit.apps.live.run import LiveRun
from unlearnkit.errors import BadInput, UnknownName

SETTINGS = {"optimizer": "adam", "lr": 1e-3, "steps": 10, "batch_size": 4}
WAIT = 300


@pytest.fixture
def live(toy):
    return LiveUnlearning(toy, every=4, questions=6, **SETTINGS)


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_the_run_is_that_of_unlearn_to_the_bit(live, toy):
    live.start()
    live.wait()
    alone = uk.unlearn(toy, **SETTINGS, progress=False)
    assert live.run.id == alone.id
    assert live.run.history == alone.history
    assert live.run.scores == alone.scores
    assert same_weights(live.run.model, alone.model)
    assert live.run.cost.forward_equivalents == alone.cost.forward_equivalents
    assert live.losses == list(alone.history.loss)
    assert live.status.text == f'Done: "{alone.status}" after 10 steps. It is in .run.'


@pytest.mark.slow
def test_a_run_of_the_lab_is_that_of_unlearn_to_the_bit(lab):
    live = LiveUnlearning(lab, optimizer="signadam", steps=10, every=5)
    live.start()
    live.wait()
    alone = uk.unlearn(lab, optimizer="signadam", steps=10, progress=False)
    assert live.run.id == alone.id
    assert same_weights(live.run.model, alone.model)
    assert live.looks["step"].tolist() == [0, 5, 10]
    assert live.looks["heldout"].iloc[-1] == alone.scores.knowmem_forget_heldout
    assert live.looks["nll_forget"].iloc[-1] == pytest.approx(alone.scores.nll_forget, rel=1e-6)


def test_looks_come_at_the_start_every_so_often_and_at_the_end(live):
    live.start()
    live.wait()
    assert live.looks["step"].tolist() == [0, 4, 8, 10]
    assert list(live.figure.data[1].x) == [0, 4, 8, 10]
    assert list(live.figure.data[0].y) == live.losses
    assert len(live._live.looks[0].answers) == 6
    assert "after 10 of 10 steps" in live.sentence
    assert live.sentence in live._words.value.replace("&#x27;", "'")


def test_what_others_draw_meanwhile_is_left_alone(toy):
    live = LiveRun(toy, every=100, questions=0, **SETTINGS)
    drawn = []
    torch.manual_seed(5)
    live.take(Event(), lambda: None, lambda: drawn.append(torch.rand(1)))
    torch.manual_seed(5)
    assert torch.equal(torch.cat(drawn), torch.rand(10))


def test_in_the_middle_of_a_step_the_global_generator_is_nobody_elses(toy, monkeypatch):
    # A step that ran in a global stream of its own would rewind what another thread draws during it.
    states = []
    objective = type(uk.objectives.create("npo"))
    inner = objective.__call__

    def watched(self, *arguments):
        states.append(torch.get_rng_state())
        return inner(self, *arguments)

    monkeypatch.setattr(objective, "__call__", watched)
    before = torch.get_rng_state()
    LiveRun(toy, every=100, questions=0, **SETTINGS).take(Event(), lambda: None, lambda: None)
    assert len(states) == 10
    assert all(torch.equal(before, state) for state in states)


def test_dropout_is_the_runs_own_and_the_view_warns(toy, make_llama):
    lab = dataclasses.replace(toy, model=make_llama(0, attention_dropout=0.3))
    live = LiveUnlearning(lab, every=3, **SETTINGS)
    assert "dropout" in live.status.text
    live.start()
    live.wait()
    assert same_weights(live.run.model, uk.unlearn(lab, **SETTINGS, progress=False).model)


def test_cancel_keeps_what_was_seen(toy):
    live = LiveUnlearning(toy, every=2, **SETTINGS)
    cut = Event()
    make = live._make

    def cancelling():
        run = make()
        take = run.take

        def watched(cancel, on_look, on_step):
            def stepped():
                on_step()
                if len(run.losses) == 5:
                    live.cancel()
                    cut.set()

            return take(cancel, on_look, stepped)

        run.take = watched
        return run

    live._make = cancelling
    live.start()
    assert cut.wait(WAIT)
    live.wait()
    assert live.run is None
    assert len(live.losses) == 5
    assert live.looks["step"].tolist() == [0, 2, 4]
    assert live.status.text == "Cancelled after 5 of 10 steps."
    assert not live.start_button.disabled


def test_pause_holds_and_go_on_finishes(live):
    reached = Event()
    steps = []

    class Held(LiveRun):
        def take(self, cancel, on_look, on_step):
            def stepped():
                on_step()
                steps.append(len(self.losses))
                if len(steps) == 3:
                    live.pause()
                    reached.set()

            return super().take(cancel, on_look, stepped)

    live._make = lambda: Held(live._live.lab, every=4, **SETTINGS)
    live.start()
    assert reached.wait(WAIT)
    live._job._thread.join(0.3)
    assert steps == [1, 2, 3]
    assert live._live.paused
    assert live.pause_button.description == "Go on"
    live.pause_button.click()
    live.wait()
    assert live.run is not None
    assert len(live.losses) == 10
    assert live.pause_button.description == "Pause"


def test_a_paused_run_can_be_cancelled(toy):
    live = LiveUnlearning(toy, every=2, **SETTINGS)
    live.start()
    live.pause()
    live.cancel_button.click()
    live.wait()
    assert live.run is None
    assert live.status.text.startswith("Cancelled after")


def test_it_can_be_started_again(live):
    live.start()
    live.wait()
    first = live.run
    live.start_button.click()
    live.wait()
    assert live.run is not first
    assert live.run.id == first.id
    assert same_weights(live.run.model, first.model)


def test_an_error_in_the_thread_is_shown(live, monkeypatch):
    def torn(self, step, model):
        raise RuntimeError("no more memory")

    monkeypatch.setattr(LiveRun, "_look", torn)
    live.start()
    live.wait()
    assert live.status.text == "RuntimeError: no more memory"
    assert not live.start_button.disabled


def test_the_model_of_the_testbed_is_left_as_it_was(live, toy):
    before = [weight.clone() for weight in toy.model.parameters()]
    config = toy.model.generation_config
    live.start()
    live.wait()
    assert all(torch.equal(a, b) for a, b in zip(before, toy.model.parameters(), strict=True))
    assert toy.model.generation_config is config
    assert not toy.model.training


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"optimizer": "adma"}, UnknownName, "optimizer"),
        ({"every": 0}, BadInput, "^every must be an integer"),
        ({"progress": True}, BadInput, "^progress: the view itself"),
        ({"theme": "drak"}, UnknownName, "^theme"),
    ],
)
def test_bad_input_is_refused_at_once(toy, settings, error, message):
    with pytest.raises(error, match=message):
        LiveUnlearning(toy, **({**SETTINGS, **settings}))


def test_questions_are_sampled_by_the_seed(toy):
    def sample(seed):
        return LiveRun(toy, questions=6, **SETTINGS, seed=seed).sample

    assert sample(0) == sample(0)
    assert sample(0) != sample(1)
    forget = set(toy.forget.questions)
    assert [question in forget for question in sample(0)] == [True] * 4 + [False] * 2
