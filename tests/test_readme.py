"""What the README shows is what a record in the repository says, and its example runs."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import unlearnkit as uk
from unlearnkit.cli import COMMANDS
from unlearnkit.reports import step_size_answer, step_size_answer_sentence, survival_depth_sentence
from unlearnkit.resources import data_path
from unlearnkit.studies import Comparison
from unlearnkit.studies.repeats import grid_steps
from unlearnkit.studies.table import comparison_table
from unlearnkit.studies.zeroth_order_table import zeroth_order_settings_table, zeroth_order_table

RECORDS = data_path("records", "README.md").read_text(encoding="utf-8")
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", README, flags=re.MULTILINE)
EXAMPLES = {
    section.partition("\n")[0]: code
    for section in SECTIONS
    for code in re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
}


def run_example(heading: str, **names: Any) -> dict[str, Any]:
    """Run the Python of a section as it stands; what it leaves behind."""
    exec(compile(EXAMPLES[heading], "README.md", "exec"), names)
    return names


def test_every_example_of_the_readme_is_run_here() -> None:
    assert len(EXAMPLES) == README.count("```python")
    assert set(EXAMPLES) == {
        "What is in the box",
        "Every grade under one roof",
        'What "forget" means',
        "How flat, and how smooth?",
        "Your own data",
    }


def test_the_table_is_the_records() -> None:
    record = json.loads(data_path("records", "compare-quick.json").read_text(encoding="utf-8"))
    table = comparison_table(Comparison.from_dict(record)).split("\n\n")[0]
    assert f"```text\n{table}\n```" in README


@pytest.mark.parametrize("task", ["entities", "topic"])
def test_what_zeroth_order_reaches_is_the_records(task: str) -> None:
    frontiers = json.loads(data_path("calibration", "frontiers.json").read_text(encoding="utf-8"))
    assert zeroth_order_table(frontiers, task=task) in README
    depths = {pair["task"]: pair["never_learned"]["nll_forget"] for pair in frontiers["pairs"]}
    assert f"{depths[task]:.2f} ({task})" in README
    study = json.loads(data_path("records", "zeroth-order.json").read_text(encoding="utf-8"))
    assert zeroth_order_settings_table(study, task=task) in RECORDS


def test_numbers_in_sentences_are_the_records() -> None:
    def record(*parts: str) -> dict:
        return json.loads(data_path(*parts).read_text(encoding="utf-8"))

    pairs = {
        (p["task"], p["optimizer"]): p["choice"] for p in record("calibration", "frontiers.json")["pairs"]
    }
    prices = [
        pairs[task, "hybrid"]["forward_equivalents"] / pairs[task, "adam"]["forward_equivalents"]
        for task in ("entities", "topic")
    ]
    assert "presets cost {:.1f} (entities) and {:.1f} (topic) times Adam's".format(*prices) in README
    lines = record("records", "zeroth-order.json")["rows"]
    warm = [line["points"][-1]["knowmem_retain"] for line in lines if "warm start" in line["change"]]
    assert "keeps\nmost, {:.2f} and {:.2f}".format(*warm) in README
    choices = record("records", "calibration-repeats.json")["choices"]
    apart = [grid_steps([c["lr"] for c in choices if c["optimizer"] == o]) for o in ("adam", "signadam")]
    assert "up to {}\n  (Adam) and {} (signAdam) steps of the grid apart".format(*apart) in README


def test_what_step_size_explains_is_the_records() -> None:
    record = json.loads(data_path("records", "step-size.json").read_text(encoding="utf-8"))
    sentences = step_size_answer_sentence(step_size_answer(record, attack="relearn-100")).splitlines()
    (shown,) = re.findall(r"```text\n(topic task, matched.*?)\n```", README, flags=re.DOTALL)
    assert set(shown.splitlines()) <= set(sentences)
    left_out = {line for line in sentences if line not in shown and " task, " in line}
    assert all("best retention" in line for line in left_out)


def test_what_depth_does_is_the_records() -> None:
    record = json.loads(data_path("records", "depth.json").read_text(encoding="utf-8"))
    words = survival_depth_sentence(record, attack="relearn-100")
    (entities,) = [line for line in words.splitlines() if line.startswith("entities")]
    shown = re.findall(r"^at .* of the control's depth .*$", README, flags=re.MULTILINE)
    assert len(shown) == 5
    assert all(f"{line} (3 folds" in entities for line in shown)


def test_every_command_is_named() -> None:
    for command in COMMANDS:
        name = command.__name__.rsplit(".", 1)[1].replace("_", "-")
        assert f"`unlearnkit {name}" in README


def test_there_are_two_marked_commands() -> None:
    assert re.findall(r"<!-- command: (\w+) -->\n```sh\n", README) == ["run", "test"]


@pytest.mark.slow
def test_the_example_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, but for the steps: 40, not the 311 of its preset, which must be there."""
    monkeypatch.setattr(uk, "unlearn", partial(uk.unlearn, steps=40, progress=False))
    run_example("What is in the box")
    status, *after = capsys.readouterr().out.strip().splitlines()
    attacked, control = map(float, after)
    assert status.split()[0] in ("forgotten", "over-forgotten", "not")
    assert control <= 0.05
    assert 0.0 <= attacked <= 1.0


def test_the_optimizer_of_the_example_finds_the_minimum() -> None:
    names = run_example("Every grade under one roof", uk=uk)
    assert names["weight"].abs().max() < 1e-2
    assert names["adazo"].last_resolution > 100


def test_the_curvature_and_the_certificate_of_the_example_are_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = run_example("How flat, and how smooth?", uk=uk, lab=uk.load_testbed("atlas", fold=1))
    found, certificate = names["found"], names["certificate"]
    assert found.hvps <= 40
    assert float((found.residuals / found.values.abs()).max()) < 1e-3
    assert certificate.never_learned.works and certificate.target.works
    assert certificate.excess_share() == 1.0
    assert certificate.words in capsys.readouterr().out


def test_an_objective_is_asked_for_as_the_example_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_example('What "forget" means', uk=uk, lab=uk.load_testbed("atlas", fold=1))
    objective, run = capsys.readouterr().out.strip().splitlines()
    assert objective.endswith("('reference_nll',) ('reference_log_probs',)")
    status, spent = run.rsplit(maxsplit=1)
    assert status == "not reached"
    assert float(spent) > 9  # three steps, and the reference's passes


def test_own_data_is_read_as_the_example_says(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    make_llama: Any,
    tokenizer: Any,
) -> None:
    for name in ("target", "retained"):
        make_llama(max_position_embeddings=256).save_pretrained(tmp_path / "models" / name)
        tokenizer.save_pretrained(tmp_path / "models" / name)
    (tmp_path / "data/tofu").mkdir(parents=True)
    for part, letters in {"forget01": "ab", "forget05": "abc", "retain99": "xyz"}.items():
        rows = [f'{{"question": "{letter}?", "answer": "{letter * 300}"}}' for letter in letters]
        (tmp_path / f"data/tofu/{part}.json").write_text("\n".join(rows), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    run_example("Your own data", uk=uk)
    said = capsys.readouterr().out
    assert "tofu, forget01 task" in said
    assert "with a never-learned control" in said
    assert "2 rows of forget cut to 256 tokens" in said
