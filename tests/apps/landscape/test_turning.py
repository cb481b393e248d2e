"""One camera for all landscapes, as the kernel keeps it."""

from __future__ import annotations

import pytest

from unlearnkit.errors import UnknownName


def turn_by_hand(explorer, scene, **eye):
    """What the browser says when a scene was turned."""
    camera = {"eye": eye, "center": {"x": 0.0, "y": 0.0, "z": 0.0}, "up": {"x": 0, "y": 0, "z": 1}}
    message = {"relayout_data": {f"{scene}.camera": camera}, "source_view_id": "a view"}
    explorer.figure._js2py_relayout = message


@pytest.mark.parametrize("scene", ["scene", "scene2"])
def test_one_is_turned_and_all_turn(explorer, scene):
    turn_by_hand(explorer, scene, x=0.0, y=1.5, z=1.5)
    for name in ("scene", "scene2"):
        eye = explorer.figure.layout[name].camera.eye
        assert (eye.x, eye.y, eye.z) == (0.0, 1.5, 1.5)
    controls = explorer.controls
    assert (controls.turn.options[controls.turn.index], controls.tilt.options[controls.tilt.index]) == (
        "90°", "45°",
    )  # fmt: skip


def test_the_others_are_told_once_and_nobody_answers(explorer, monkeypatch):
    sent = []
    monkeypatch.setattr(explorer.figure, "_send_relayout_msg", lambda data, **more: sent.append(set(data)))
    turn_by_hand(explorer, "scene", x=0.0, y=1.5, z=1.5)
    assert len(sent) == 2  # what the browser said, echoed to other views of it, and what follows from it
    assert "scene2.camera" in sent[1] | sent[0]


def test_turn_and_tilt_turn_all_and_keep_the_distance(explorer):
    turn_by_hand(explorer, "scene", x=0.0, y=3.0, z=4.0)
    explorer.controls.turn.index = 0
    explorer.controls.tilt.index = 0
    for name in ("scene", "scene2"):
        eye = explorer.figure.layout[name].camera.eye
        assert (eye.x, eye.y, eye.z) == pytest.approx((5.0, 0.0, 0.0), abs=1e-9)


def test_the_camera_outlives_maps_and_other_figures(explorer):
    explorer.look_from(turn=60, tilt=45)
    before = explorer.figure.layout.scene.camera.to_plotly_json()
    explorer.choose(flat=True)
    explorer.choose(flat=False, directions="models", radius=0.5)
    assert explorer.figure.layout.scene2.camera.to_plotly_json() == before
    turn_by_hand(explorer, "scene", x=0.0, y=1.5, z=1.5)  # of the new figure, too
    assert explorer.figure.layout.scene2.camera.eye.y == 1.5


def test_a_stand_that_there_is_not_is_refused(explorer):
    with pytest.raises(UnknownName, match=r"^turn: 7 is not known"):
        explorer.look_from(turn=7, tilt=30)
    with pytest.raises(UnknownName, match=r"^tilt: -15 is not known"):
        explorer.look_from(turn=0, tilt=-15)
