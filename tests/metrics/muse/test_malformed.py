"""What is no log is refused in one line that names file, row and field."""

from __future__ import annotations

import json

import pytest

from unlearnkit.errors import BadInput, MissingReference, UnlearnkitError
from unlearnkit.metrics.muse.log import score_rows
from unlearnkit.metrics.muse.privleak import score_privleak

GOOD = {"prompt": "p", "gt": "a b", "response": "a"}

LOGS = {
    "an empty file": (b"", "is empty"),
    "blanks only": (b" \n\n ", "is empty"),
    "an empty list": (b"[]", "has no row"),
    "an empty object": (b"{}", r'row 1 has no field "gt"'),
    "truncated JSON": (b'[{"prompt": "p", "gt": "a', "is not JSON.*written to its end"),
    "a truncated line": (json.dumps(GOOD).encode() + b'\n{"prompt": "p", "gt', "line 2 is not JSON"),
    "no JSON at all": (b"prompt,gt,response", "is not JSON"),
    "two arrays": (b'[{"gt": "a", "response": "b"}] []', "is not JSON"),
    "not UTF-8": (b'[{"gt": "caf\xe9", "response": "x"}]', "is not UTF-8: byte 12"),
    "UTF-16": (json.dumps([GOOD]).encode("utf-16"), "is not UTF-8: byte 0"),
    "deep brackets": (b"[" * 100_000, "is not JSON.*(too deep|Expecting value)"),
    "a number with 5000 digits": (b"[" + b"9" * 5000 + b"]", "is not JSON"),
    "a row that is a text": (b'["a b"]', "row 1 is a str, not an object"),
    "a row that is null": (json.dumps([GOOD, None]).encode(), "row 2 is a NoneType"),
    "a row that is a list": (json.dumps([[GOOD]]).encode(), "row 1 is a list"),
    "a number for a file": (b"7", "row 1 is a int"),
    "no response": (json.dumps([GOOD, {"gt": "a"}]).encode(), r'row 2 has no field "response"'),
    "no gt": (json.dumps([{"response": "a"}]).encode(), r'row 1 has no field "gt"'),
    "gt is null": (json.dumps([{**GOOD, "gt": None}]).encode(), r'row 1, field "gt" is of type NoneType'),
    "gt is a list": (json.dumps([{**GOOD, "gt": ["a"]}]).encode(), r'field "gt" is of type list'),
    "gt is blank": (json.dumps([{**GOOD, "gt": " "}]).encode(), r'row 1, field "gt" is empty'),
    "response is a number": (json.dumps([{**GOOD, "response": 3}]).encode(), r'"response" is of type int'),
    "response is a bool": (json.dumps([{**GOOD, "response": True}]).encode(), r'"response" is of type bool'),
    "response is NaN": (b'[{"gt": "a", "response": NaN}]', r'"response" is of type float'),
    "prompt is a number": (json.dumps([{**GOOD, "prompt": 1}]).encode(), r'"prompt" is of type int'),
}

SCORES = {
    "an empty list": (b"[]", "forget group is empty"),
    "an empty file": (b"", "is empty"),
    "truncated JSON": (b"[1.0, 2.0", "is not JSON"),
    "NaN": (b"[1.0, NaN]", "row 2 is nan"),
    "infinity": (b"[1.0, 1e999]", "row 2 is inf"),
    "an integer too long for a float": (b"[1" + b"0" * 400 + b"]", "row 1 is inf"),
    "a bool": (b"[true]", "row 1 is of type bool"),
    "a text": (b'["3.5"]', "row 1 is of type str"),
    "null": (b"[1.0, null]", "row 2 is of type NoneType"),
    "a list": (b"[[1.0]]", "row 1 is of type list"),
    "no field": (b'[{"text": "x", "PPL": 1.0}]', r'row 1 has neither a field "Min-40%" nor "log_probs"'),
    "an empty row": (b"[{}]", "given: nothing"),
    "a field of the wrong type": (b'[{"Min-40%": "3"}]', r'row 1, field "Min-40%" is of type str'),
    "a field that is NaN": (b'[{"Min-40%": NaN}]', r'field "Min-40%" is nan'),
    "two kinds of rows": (b'[{"Min-40%": 1.0}, {"log_probs": [-1.0]}]', "row 2 gives log_probs where row 1"),
    "numbers among objects": (b'[{"min_k": 1.0}, 2.0]', "row 2 gives a bare number"),
    "both signs": (b"[1.0, -1.0]", "cannot be ranked"),
    "log_probs is no list": (b'[{"log_probs": -1.0}]', r'"log_probs" is of type float'),
    "log_probs is empty": (b'[{"log_probs": []}]', "0 of 0 tokens"),
    "log_probs too short": (b'[{"log_probs": [-1.0, -2.0]}]', r'field "log_probs": min_k.*NaN'),
    "losses for log_probs": (b'[{"log_probs": [-1.0, 2.0, -1.0]}]', r"log_probs.*\[1\] is 2.*losses"),
    "a text among log_probs": (b'[{"log_probs": [-1.0, "x"]}]', r'"log_probs"\[1\] is of type str'),
    "an infinite log_prob": (b'[{"log_probs": [-1.0, -Infinity, -1.0]}]', r"\[1\] is -inf"),
    "a whole log without rows": (b'{"forget": [], "holdout": []}', '"forget" has no row'),
    "an object of something else": (b'{"scores": [1.0]}', "row 1 has neither"),
}


def refused(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", LOGS)
def test_a_malformed_log_is_refused(case, tmp_path):
    content, words = LOGS[case]
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    refused(lambda: score_rows(file), BadInput, f"broken.json.*{words}")


@pytest.mark.parametrize("case", SCORES)
def test_malformed_scores_are_refused_in_either_place(case, tmp_path):
    content, words = SCORES[case]
    broken, good = tmp_path / "broken.json", tmp_path / "good.json"
    broken.write_bytes(content)
    good.write_text("[1.0, 2.0]", encoding="utf-8")
    name = "" if case == "both signs" else "broken.json.*"
    refused(lambda: score_privleak(broken, good), BadInput, f"{name}{words}")
    with pytest.raises(UnlearnkitError):
        score_privleak(good, broken)


@pytest.mark.parametrize("score", [score_rows, lambda path: score_privleak(path, path)])
def test_what_is_no_file_is_refused(score, tmp_path):
    refused(lambda: score(tmp_path / "nowhere.json"), MissingReference, "nowhere.json is not there")
    refused(lambda: score(tmp_path), BadInput, "cannot be read")
    refused(lambda: score("a\0b"), BadInput, "cannot be read")


@pytest.mark.parametrize("value", [0.0188, 0, 1, 1.5, -1, True, float("nan"), "news", [0.5]])
def test_a_reference_auc_is_judged_before_any_file_is_read(value, tmp_path):
    with pytest.raises(BadInput, match="reference"):
        score_privleak(tmp_path / "nowhere", tmp_path / "nowhere", reference_auc=value)
