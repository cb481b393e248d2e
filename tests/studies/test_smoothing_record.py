"""The record of the study of smoothing: written, and gone on with."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

from unlearnkit.cli import main
from unlearnkit.studies.cells import Problem
from unlearnkit.studies.named import STUDIES
from unlearnkit.studies.smoothing import SmoothCell
from unlearnkit.studies.smoothing_measures import SETTINGS

ROW = {
    "task": "topic", "fold": 1, "answers": {"q": "a"}, "attacks": [{"name": "relearn"}],
    "measures": {"sweep": {}, "certificates": []},
}  # fmt: skip
RESULTS = {
    "sgd": {"rows": [ROW | {"optimizer": "sgd", "status": "forgotten"}]},
    "target": {"control": ROW | {"control": "target"}},
}


def test_the_study_is_written_and_goes_on_from_kept_cells(tmp_path, monkeypatch):
    done = []

    def work(cell):
        done.append(cell.label)
        return copy.deepcopy(RESULTS[cell.name])

    cells = [SmoothCell(Problem("topic", 1), name) for name in RESULTS]
    monkeypatch.setattr(SmoothCell, "describe", lambda cell: {"name": cell.name})
    monkeypatch.setitem(STUDIES, "smoothing", replace(STUDIES["smoothing"], cells=lambda: cells, work=work))
    texts = []
    for _ in range(2):
        assert main(["study", "smoothing", "--workers", "1", "--out", str(tmp_path)]) == 0
        texts.append((tmp_path / "smoothing.json").read_text(encoding="utf-8"))
    assert (texts[0], done) == (texts[1], ["sgd, topic fold 1", "target, topic fold 1"])
    record = json.loads(texts[0])
    assert record["study"] == "smoothing"
    assert len(record["questions"]) == 2
    assert record["settings"]["sigmas"] == list(SETTINGS.sigmas)
    assert (record["subspaces"]["topic"]["fold"], record["subspaces"]["topic"]["optimizer"]) == (0, "sgd")
    assert [row["optimizer"] for row in record["rows"]] == ["sgd"]
    assert [row["control"] for row in record["controls"]] == ["target"]
    assert "answers" not in record["rows"][0]
