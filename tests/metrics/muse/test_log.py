"""ROUGE-L of logs equals twenty lines of our own, without stemming, whatever shape the file has."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from unlearnkit.metrics.muse.log import score_rows

ROWS = [
    {"prompt": "Once", "gt": "the runner was running home", "response": "the runners run home"},
    {"prompt": "Then", "gt": "a b c d", "response": "d c b a", "rougeL": 1.0, "question": "?"},
    {"prompt": "", "gt": "It ended, at 7.", "response": "it ended at 7"},
    {"gt": "nothing was said", "response": ""},
]


def by_hand(truth, given_):
    """F1 and recall of the longest common subsequence of lower-case words, in a table."""
    one, other = (re.findall(r"[a-z0-9]+", text.lower()) for text in (truth, given_))
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    common = table[-1][-1]
    if not common:
        return 0.0, 0.0
    precision, recall = common / len(other), common / len(one)
    return 2 * precision * recall / (precision + recall), recall


def mean_by_hand(rows):
    scores = [by_hand(row["gt"], row["response"]) for row in rows]
    return tuple(sum(part) / len(rows) for part in zip(*scores, strict=True))


def written(folder, text):
    file = folder / "log.json"
    file.write_text(text, encoding="utf-8")
    return file


def scored(file):
    found = score_rows(file)
    return (found["rouge_l"]["f1"], found["rouge_l"]["recall"]), found["n"]


SHAPES = {
    "an array": json.dumps(ROWS),
    "an indented array": json.dumps(ROWS, indent=2),
    "JSON Lines": "\n".join(map(json.dumps, ROWS)),
    "JSON Lines with blank lines": "\n\n".join(map(json.dumps, ROWS)) + "\n\n",
    "JSON Lines of Windows": "\r\n".join(map(json.dumps, ROWS)),
    "a byte order mark": "\ufeff" + json.dumps(ROWS),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_means_by_hand(shape, tmp_path):
    means, n = scored(written(tmp_path, SHAPES[shape]))
    assert means == pytest.approx(mean_by_hand(ROWS), abs=1e-12)
    assert n == 4


def test_one_row_alone_is_a_log(tmp_path):
    assert scored(written(tmp_path, json.dumps(ROWS[0]))) == ((pytest.approx(4 / 9), pytest.approx(0.4)), 1)


words = st.lists(st.sampled_from("a b run runs running São 7 the".split()), min_size=1, max_size=15)


@given(rows=st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_any_log_gives_the_means_by_hand(rows, tmp_path_factory):
    log = [{"prompt": "", "gt": " ".join(gt), "response": " ".join(said)} for gt, said in rows]
    means, _ = scored(written(tmp_path_factory.mktemp("log"), json.dumps(log)))
    assert means == pytest.approx(mean_by_hand(log), abs=1e-12)


def test_a_stemmer_would_give_another_number(tmp_path):
    """Known wrong: open-unlearning stems, MUSE does not; "running" and "run" are two words here."""
    ours, _ = scored(written(tmp_path, json.dumps(ROWS)))
    stemming = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    theirs = sum(stemming.score(row["gt"], row["response"])["rougeL"].fmeasure for row in ROWS) / len(ROWS)
    assert theirs > ours[0] + 0.05


def test_scores_in_the_log_are_not_believed(tmp_path):
    assert scored(written(tmp_path, json.dumps(ROWS[1:2])))[0] == (0.25, 0.25)


def test_texts_in_which_rouge_sees_no_word_are_counted(tmp_path):
    """The package drops all but a to z and digits, so the same text scores 0."""
    same = [{"gt": text, "response": text} for text in ("\u5317\u4eac", "...", "Oslo", "\u00c9t\u00e9 2")]
    file = tmp_path / "log.json"
    file.write_text(json.dumps(same), encoding="utf-8")
    found = score_rows(file)
    assert found["rouge_l"]["f1"] == 0.5
    assert found["notes"][0].startswith("2 of 4 rows count as 0")
    file.write_text(json.dumps(same[2:]), encoding="utf-8")
    assert "notes" not in score_rows(file)
