"""A small log in TOFU's published form, of made-up numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {
    "eval_log.json": (7, 5),
    "eval_log_forget.json": (9, 5),
    "eval_real_author_wo_options.json": (4, 3),
    "eval_real_world_wo_options.json": (6, 3),
}


def made_log(seed: int = 0, *, rows: dict[str, int] | None = None) -> dict[str, Any]:
    """Every part with every field that TOFU writes; `rows`: how many, by part."""
    draw = np.random.default_rng(seed)
    counts = {name: (rows or {}).get(name, count) for name, (count, _) in SIZES.items()}
    return {name: _part(draw, counts[name], SIZES[name][1]) for name in SIZES}


def _part(draw: np.random.Generator, rows: int, wrong: int) -> dict[str, Any]:
    tokens = draw.integers(3, 40, rows)
    own, paraphrased = draw.uniform(0.1, 3.0, rows), draw.uniform(0.5, 4.0, rows)
    perturbed = draw.uniform(0.5, 5.0, (rows, wrong))

    def by_row(values: Any) -> dict[str, Any]:
        return {str(i): value for i, value in enumerate(np.asarray(values).tolist())}

    return {
        "avg_gt_loss": by_row(own),
        "gt_loss": by_row(own * tokens),
        "num_token_gt": by_row(tokens),
        "generated_text": {
            str(i): ["Question: which?\n", f"Answer: number {i}, no doubt", f"Number {i} it is"]
            for i in range(rows)
        },
        "rougeL_recall": {str(i): 0.5 for i in range(rows)},
        "average_perturb_loss": by_row(perturbed),
        "avg_paraphrased_loss": by_row(paraphrased),
        "truth_ratio": by_row(np.exp(paraphrased - perturbed.mean(1))),
    }


def written(log: Any, path: Path) -> Path:
    """The log as a file."""
    path.write_text(json.dumps(log), encoding="utf-8")
    return path
