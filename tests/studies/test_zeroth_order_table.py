"""What zeroth order reaches is read off the points, best and last."""

from __future__ import annotations

from typing import Any

from unlearnkit.studies.zeroth_order import zeroth_order_cells
from unlearnkit.studies.zeroth_order_table import zeroth_order_settings_table, zeroth_order_table


def point(nll: float, knows: tuple[float, float], keeps: float, cost: float = 100.0) -> dict[str, Any]:
    shown, heldout = knows
    return {
        "nll_forget": nll, "knowmem_forget_shown": shown, "knowmem_forget_heldout": heldout,
        "knowmem_retain": keeps, "forward_equivalents": cost, "distance_l2": 2.0,
    }  # fmt: skip


def frontiers(*points: dict[str, Any], optimizer: str = "adazo") -> dict[str, Any]:
    return {"pairs": [{"task": "topic", "optimizer": optimizer, "lines": [{"points": list(points)}]}]}


def cells(table: str, line: int = 2) -> list[str]:
    return [cell.strip() for cell in table.splitlines()[line].strip("|").split("|")]


def test_the_deepest_point_that_keeps_enough_is_shown_whatever_comes_after() -> None:
    found = frontiers(
        point(1.0, (0.6, 0.5), 0.9), point(3.0, (0.2, 0.04), 0.8, 250), point(9.0, (0.05, 0.0), 0.3)
    )
    assert cells(zeroth_order_table(found, task="topic")) == [
        "adazo, 1 learning rates", "3.00", "0.04", "250", "2.0", "0.30",
    ]  # fmt: skip


def test_where_nothing_is_kept_or_nothing_gone_it_says_so() -> None:
    found = frontiers(point(1.0, (0.0, 0.06), 0.79))
    row = cells(zeroth_order_table(found, task="topic"))
    assert (row[1], row[-1]) == ("none", "never gone")


def test_optimizers_stand_in_their_order_and_other_tasks_aside() -> None:
    pairs = [
        *frontiers(point(1, (0, 0), 1))["pairs"],
        *frontiers(point(2, (0, 0), 1), optimizer="adam")["pairs"],
    ]
    table = zeroth_order_table({"pairs": pairs}, task="topic")
    assert [cells(table, line)[0] for line in (2, 3)] == ["adam, 1 learning rates", "adazo, 1 learning rates"]
    assert len(zeroth_order_table({"pairs": pairs}, task="entities").splitlines()) == 2


def test_a_setting_shows_what_is_kept_at_half_and_at_the_end() -> None:
    line = {
        "task": "topic", "change": "2 queries", "lr": 3.2e-4,
        "points": [
            point(0.2, (0.4, 0.51), 0.9), point(0.5, (0.5, 0.3), 0.7), point(2.0, (0.04, 0.1), 0.2, 2005)
        ],
    }  # fmt: skip
    table = zeroth_order_settings_table({"rows": [line, {**line, "task": "entities"}]}, task="topic")
    assert cells(table) == ["2 queries, lr 3.2e-4", "0.70", "2.00", "0.10", "0.20", "2005"]
    line["points"] = line["points"][:1]
    assert cells(zeroth_order_settings_table({"rows": [line]}, task="topic"))[1] == "not reached"


def test_every_setting_is_tried_on_both_tasks() -> None:
    tried = zeroth_order_cells()
    assert len(tried) == 16
    assert len({repr(cell.describe()) for cell in tried}) == 16
    by_task = [{cell.change for cell in tried if cell.task == task} for task in ("topic", "entities")]
    assert by_task[0] == by_task[1]
