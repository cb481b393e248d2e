"""The recovery figure shows the numbers it was given, and says them in words, too."""

from __future__ import annotations

import pytest

from unlearnkit.errors import BadInput, UnknownName
from unlearnkit.reports import recovery_figure, recovery_sentence
from unlearnkit.reports.recovery import OKABE_ITO

RUNS = {"adam": {100: 0.4, 0: 0.0, 25: 0.1}, "signadam": {0: 0.02, 25: 0.02, 100: 0.02}}
CONTROL = {0: 0.0, 25: 0.05, 100: 0.1}


def test_every_curve_is_drawn_in_the_order_of_its_steps():
    figure = recovery_figure(RUNS, CONTROL)
    assert [line.name for line in figure.data] == ["adam", "signadam", "never learned (control)"]
    assert list(figure.data[0].x) == [0, 25, 100]
    assert list(figure.data[0].y) == [0.0, 0.1, 0.4]
    assert list(figure.data[2].y) == [0.0, 0.05, 0.1]


def test_lines_differ_without_colour_too():
    runs = {str(number): {0: 0.0} for number in range(len(OKABE_ITO))}
    lines = recovery_figure(runs, CONTROL).data
    for look in (lambda line: line.line.color, lambda line: (line.line.dash, line.marker.symbol)):
        assert len({look(line) for line in lines}) == len(lines)


def test_more_runs_than_colours_can_be_drawn():
    runs = {str(number): {0: 0.0} for number in range(2 * len(OKABE_ITO))}
    assert len(recovery_figure(runs, CONTROL).data) == len(runs) + 1


def test_a_small_recovery_looks_small():
    low, high = recovery_figure(RUNS, CONTROL).layout.yaxis.range
    assert low <= 0
    assert high >= 1


@pytest.mark.parametrize(("theme", "light"), [("light", True), ("dark", False)])
def test_the_theme_is_taken(theme, light):
    background = recovery_figure(RUNS, CONTROL, theme=theme).layout.template.layout.paper_bgcolor
    assert (background == "white") == light


def test_the_sentence_gives_both_ends_and_what_is_beyond_the_control():
    assert recovery_sentence(RUNS, CONTROL, facts="shown") == (
        "Of the shown facts, adam answers 0% right before relearning and 40% after 100 steps;\n"
        "signadam 2% and 2%;\n"
        "the never-learned control 0% and 10%.\n"
        "Beyond the control came back: adam +30 points, signadam -8 points."
    )


@pytest.mark.parametrize("show", [recovery_figure, recovery_sentence])
def test_without_points_nothing_is_shown(show):
    with pytest.raises(BadInput, match=r"^runs: none was given"):
        show({}, CONTROL)
    with pytest.raises(BadInput, match=r"^runs: adam has no point"):
        show({"adam": {}}, CONTROL)
    with pytest.raises(BadInput, match=r"^control: it has no point"):
        show(RUNS, {})


def test_what_the_control_did_not_meet_is_not_called_recovery():
    with pytest.raises(BadInput, match=r"^control: it lacks 100 steps"):
        recovery_sentence(RUNS, {0: 0.0, 25: 0.05})


def test_an_unknown_theme_is_refused():
    with pytest.raises(UnknownName, match=r'^theme: "drak" is not known; did you mean "dark"'):
        recovery_figure(RUNS, CONTROL, theme="drak")
