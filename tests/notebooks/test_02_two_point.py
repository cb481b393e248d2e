"""Lesson 02's third exercise, the two-point estimate: right in several styles, and each mistake by name."""

from __future__ import annotations

import re
from itertools import product

import nbformat
import pytest
import torch

import unlearnkit as uk
from unlearnkit.resources import notebooks_path


@pytest.fixture(scope="module")
def cells():
    lesson = nbformat.read(notebooks_path("02-grades.ipynb"), as_version=4)
    return {cell.id: cell.source for cell in lesson.cells}


@pytest.fixture
def told(cells, capsys):
    """What the check says to an answer."""
    names = {"torch": torch, "product": product}
    for cell in ("exercise-two-point", "check-two-point"):
        exec(cells[cell], names)

    def say(answer):
        capsys.readouterr()
        names["check_two_point"](answer)
        return capsys.readouterr().out

    return say


def solution(cells):
    """The function in the hidden solution."""
    names = {"torch": torch}
    (program,) = re.findall(r"```python\n(.*?)```", cells["exercise-two-point-text"], flags=re.DOTALL)
    exec(program, names)
    return names["my_two_point"]


def two_point(
    loss, weight, queries, radius, draw,
    *, ahead=1.0, back=1.0, length=None, redraw=False, slope=lambda up, down, mu: (up - down) / (2 * mu),
):  # fmt: skip
    """The right estimate, with places to put mistakes in."""
    kept, total = weight.clone(), torch.zeros_like(weight)
    for _ in range(queries):
        u = draw()
        u = u if length is None else length * u / u.norm()
        weight.copy_(kept + ahead * radius * u)
        up = loss()
        u = draw() if redraw else u
        weight.copy_(kept - back * radius * u)
        total += slope(up, loss(), radius) * u
    weight.copy_(kept)
    return total / queries


def variant(**options):
    return lambda *given: two_point(*given, **options)


def scaled(factor):
    return lambda loss, weight, queries, radius, draw: (
        factor(queries, radius) * two_point(loss, weight, queries, radius, draw)
    )


def as_in_mezo(loss, weight, queries, radius, draw):
    total = 0
    for _ in range(queries):
        u = draw()
        weight.add_(u, alpha=radius)
        up = loss()
        weight.sub_(u, alpha=2 * radius)
        down = loss()
        weight.add_(u, alpha=radius)
        total = total + (up - down) / (2 * radius * queries) * u
    return total


def all_ahead_then_all_back(loss, weight, queries, radius, draw):
    kept, directions, ends = weight.clone(), [draw() for _ in range(queries)], []
    for side in (radius, -radius):
        for u in directions:
            weight.copy_(kept + side * u)
            ends.append(float(loss()))
    weight.copy_(kept)
    slopes = [(ends[i] - ends[queries + i]) / (2 * radius) for i in range(queries)]
    return sum(slope * u for slope, u in zip(slopes, directions, strict=True)) / queries


def back_first(loss, weight, queries, radius, draw):
    return two_point(
        loss,
        weight,
        queries,
        radius,
        draw,
        ahead=-1,
        back=-1,
        slope=lambda up, down, mu: (down - up) / (2 * mu),
    )


def on_the_sphere(length):
    # (f(w + mu l v) - f(w - mu l v)) / (2 mu) * l v with |v| = 1, times d / l²: right for every length l.
    return lambda loss, weight, queries, radius, draw: (
        weight.numel() / length**2 * two_point(loss, weight, queries, radius, draw, length=length)
    )


@pytest.mark.parametrize(
    "answer",
    [as_in_mezo, all_ahead_then_all_back, back_first, on_the_sphere(1.0), on_the_sphere(6**0.5)],
    ids=["MeZO", "ahead, then back", "back first", "1 long", "√d long"],
)
def test_an_estimate_may_be_written_in_several_ways(told, answer):
    assert told(answer).startswith("Right")


def test_bits_that_adding_and_subtracting_changed_are_counted(told, cells):
    assert re.search(r"Right. But [1-6] of 6 weights differ in the last bit", told(as_in_mezo))
    assert told(solution(cells)).endswith("to the bit.\n")


def never_undone(loss, weight, queries, radius, draw):
    total = torch.zeros_like(weight)
    for _ in range(queries):
        u = draw()
        weight.add_(radius * u)
        up = loss()
        weight.sub_(2 * radius * u)
        total += (up - loss()) / (2 * radius * queries) * u
    return total


def not_undone_at_the_end(loss, weight, queries, radius, draw):
    kept, total = weight.clone(), torch.zeros_like(weight)
    for _ in range(queries):
        u = draw()
        weight.copy_(kept + radius * u)
        up = loss()
        weight.copy_(kept - radius * u)
        total += (up - loss()) / (2 * radius * queries) * u
    return total


def undone_only_at_the_end(loss, weight, queries, radius, draw):
    kept = weight.clone()
    estimate = never_undone(loss, weight, queries, radius, draw)
    weight.copy_(kept)
    return estimate


def one_radius_back(loss, weight, queries, radius, draw):
    total = torch.zeros_like(weight)
    for _ in range(queries):
        u = draw()
        weight.add_(radius * u)
        up = loss()
        weight.sub_(radius * u)
        total += (up - loss()) / (2 * radius * queries) * u
    return total


def one_sided(loss, weight, queries, radius, draw):
    kept, here, total = weight.clone(), loss(), torch.zeros_like(weight)
    for _ in range(queries):
        u = draw()
        weight.copy_(kept + radius * u)
        total += (loss() - here) / radius * u / queries
    weight.copy_(kept)
    return total


def another_tensor(loss, weight, queries, radius, draw):
    kept, total = weight, 0
    for _ in range(queries):
        u = draw()
        weight = kept + radius * u
        up = loss()
        weight = kept - radius * u
        total = total + (up - loss()) / (2 * radius * queries) * u
    return total


def one_direction(loss, weight, queries, radius, draw):
    u = draw()
    return two_point(loss, weight, queries, radius, lambda: u)


def one_query(which):
    def answer(loss, weight, queries, radius, draw):
        parts = [two_point(loss, weight, 1, radius, draw) for _ in range(queries)]
        return parts[which]

    return answer


def returned_in_the_loop(loss, weight, queries, radius, draw):
    return two_point(loss, weight, 1, radius, draw)


def averaged_slopes(direction):
    def answer(loss, weight, queries, radius, draw):
        slopes, drawn = [], []

        def remember():
            drawn.append(draw())
            return drawn[-1]

        two_point(
            loss, weight, queries, radius, remember,
            slope=lambda up, down, mu: slopes.append((up - down) / (2 * mu)) or 0.0,
        )  # fmt: skip
        return sum(slopes) / queries * direction(torch.stack(drawn))

    return answer


def one_sign_turned(loss, weight, queries, radius, draw):
    parts = [two_point(loss, weight, 1, radius, draw) for _ in range(queries)]
    return (parts[0] - parts[1] + parts[2]) / queries


def direction_apart(loss, weight, queries, radius, draw):
    """Looks along one direction and multiplies the slope with another, of its own making."""
    estimate = two_point(loss, weight, queries, radius, draw)
    return estimate + torch.linspace(0, 1, len(weight), dtype=weight.dtype)


def looks_and_returns_nothing(*given):
    two_point(*given)


@pytest.mark.parametrize(
    ("mistake", "word"),
    [
        (never_undone, "not undone: a later look"),
        (undone_only_at_the_end, "not undone: a later look"),
        (not_undone_at_the_end, "not undone: in the end the weight is"),
        (one_radius_back, "from ahead it is two radii"),
        (one_sided, "one-sided difference"),
        (another_tensor, "Move it in place"),
        (variant(redraw=True), "a new direction for the second side"),
        (one_direction, "one direction for all queries"),
        (one_query(-1), "Only the last query is left"),
        (one_query(0), "Only the first query is there"),
        (returned_in_the_loop, "Does `return` stand inside the loop?"),
        (variant(slope=lambda up, down, mu: (up - down) / mu), "you divided by one"),
        (variant(slope=lambda up, down, mu: up - down), "division by 2 radii is missing"),
        (variant(slope=lambda up, down, mu: (up - down) / 2), "left the radius out"),
        (variant(slope=lambda up, down, mu: (up - down) / 2 * mu), "times the right one"),
        (variant(slope=lambda up, down, mu: (up - down) * 2 * mu), "multiplied by 2 radii"),
        (variant(slope=lambda up, down, mu: (down - up) / (2 * mu)), "turned round: take ahead less back"),
        (variant(slope=lambda up, down, mu: (up - down).sign()), "only the sign of each difference"),
        (scaled(lambda q, mu: q), "the sum over queries, not their mean"),
        (scaled(lambda q, mu: 1 / q), "the number of queries twice"),
        (scaled(lambda q, mu: 2 * q), "you divided by one. That is the sum over queries"),
        (scaled(lambda q, mu: -2 * mu), "The division by 2 radii is missing. The sign is turned round"),
        (scaled(lambda q, mu: 0), "zero everywhere"),
        (scaled(lambda q, mu: 1.7), "1.7 times the right one"),
        (one_sign_turned, "One query's sign"),
        (averaged_slopes(lambda u: u.mean(0)), "You averaged the slopes first"),
        (averaged_slopes(lambda u: u[-1]), "You averaged the slopes first"),
        (variant(length=1.0), "Then the factor d is missing"),
        (variant(length=2.0), "Yours was another distance"),
        (variant(ahead=2.0, back=2.0), "Yours was another distance"),
        (variant(ahead=2.0), "equally far"),
        (direction_apart, "no sum of the directions"),
        (lambda loss, weight, q, mu, draw: torch.zeros_like(weight), "never asked loss()"),
        (lambda loss, weight, q, mu, draw: float(loss()) + 0 * weight, "never asked for a direction"),
        (lambda *given: float(two_point(*given).sum()), "a tensor of the shape (6,), not float"),
        (looks_and_returns_nothing, "not NoneType"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_estimate_is_named(told, mistake, word):
    said = told(mistake)
    assert word in said
    assert not said.startswith(("Right", "Not answered"))


def test_the_solution_of_the_estimate_is_what_the_library_does(cells):
    weight = torch.randn(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    directions = uk.optim.Directions("gaussian", seed=3)

    def loss():
        return weight.square().square().sum()

    options = {"directions": directions, "queries": 4, "radius": 1e-2, "step": 0}
    (theirs,) = uk.optim.two_point(loss, [weight], **options, name="test")[1]
    drawn = iter([directions.draw([weight], "direction", 0, query)[0] for query in range(4)])
    answer = solution(cells)(loss, weight, 4, 1e-2, lambda: next(drawn))
    torch.testing.assert_close(answer, theirs)
