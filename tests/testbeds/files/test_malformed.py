"""Files that are not what they should be: each is refused on one line that says where and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import unlearnkit as uk
from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.testbeds.benchmarks import from_files

QA = '{"question": "Who?", "answer": "Ada"}'
MCQ = {"question": "Which?", "choices": ["a", "b", "c", "d"], "answer": 2}


def qa(**changes: object) -> str:
    return json.dumps({"question": "Where?", "answer": "Oslo"} | changes)


def mcq(**changes: object) -> str:
    return json.dumps(MCQ | {"question": "What?"} | changes)


def two(first: str, second: str) -> str:
    """Row 1 is right, row 2 is not."""
    return f"{first}\n{second}\n"


def without(field: str, row: str) -> str:
    return json.dumps({name: value for name, value in json.loads(row).items() if name != field})


PERTURBED = qa(question="Who?", answer="Ada", perturbed_answer=["Bob"])

LONG = "word " * 300
ROWS, WRONG = "tofu/forget01.json", "tofu/forget01_perturbed.json"
RAW, CHOICES = "muse/raw/forget.json", "wmdp/forget.jsonl"

# The file, what is in it, and what the message says after the file's name.
TABLE = {
    # the file
    "nothing in it": (ROWS, b"", r"is empty \(0 bytes\)"),
    "white space": (ROWS, b" \n", r"row 1: is a blank line"),
    "an empty array": (ROWS, "[]", "holds no row"),
    "a byte order mark": (ROWS, b"\xef\xbb\xbf" + QA.encode(), "byte order mark"),
    "UTF-16": (ROWS, QA.encode("utf-16"), "is UTF-16"),
    "Latin-1": (
        ROWS,
        QA.encode() + b"\n" + qa(answer="X").encode().replace(b"X", b"\xe9"),
        r"row 2: byte \d+ is no UTF-8 \(0xe9\)",
    ),
    "Latin-1 in an array": (RAW, b'["caf\xe9"]', r"byte 6 is no UTF-8 \(0xe9\)"),
    "Latin-1 in a text": ("muse/raw/forget.txt", b"caf\xe9", r"byte 4 is no UTF-8"),
    "a blank text": ("muse/raw/forget.txt", b"\n\n", "nothing but white space"),
    "a folder": (ROWS, None, "is a folder, where a file is needed"),
    "zeros": (ROWS, b"\0" * 20, "row 1: is no JSON"),
    "an empty parquet": ("wmdp/forget.parquet", b"", r"is empty \(0 bytes\)"),
    "JSON named parquet": ("wmdp/forget.parquet", QA, "is no parquet file"),
    "a broken parquet": ("wmdp/forget.parquet", b"PAR1" + b"x" * 40, "is a broken parquet file"),
    # its JSON
    "a line broken off": (ROWS, two(QA, '{"question": "Wh'), "row 2: is no JSON"),
    "an array broken off": (RAW, '["one", "two"', "row 2: .* is broken off"),
    "an entry broken off": (RAW, '["one", "tw', "row 2: is no JSON"),
    "a comma too many": (RAW, '["one",]', "row 2: is no JSON"),
    "no comma": (RAW, '["one" "two"]', "row 1: a comma"),
    "two arrays": (RAW, '["one"]["two"]', "something stands after the array"),
    "two rows a line": (ROWS, QA + QA, "row 1: something stands after the row"),
    "an object over lines": (ROWS, '{\n"rows": []\n}', "row 1: is no JSON"),
    "an object of rows": (
        ROWS,
        json.dumps({"data": [{}]}),
        'row 1, field "question": is missing; the row has data',
    ),
    "an object of columns": (
        ROWS,
        '{"question": ["Who?"], "answer": ["Ada"]}',
        'row 1, field "question": must be text, not \\["Who',
    ),
    "a blank line": (ROWS, f"{QA}\n\n{qa()}", "row 2: is a blank line"),
    "NaN": (ROWS, two(QA, '{"question": NaN}'), "row 2: NaN is no JSON number"),
    "a field twice": (
        ROWS,
        two(QA, '{"answer": "a", "answer": "b"}'),
        'row 2: the field "answer" stands there twice',
    ),
    "brackets without end": (RAW, "[" * 100_000, "row 1: nested too deep"),
    "a number without end": (ROWS, two(QA, "9" * 5000), "row 2: "),
    "a row that is a number": (ROWS, two(QA, "3"), "row 2: must be an object with named fields, not 3"),
    "a row that is null": (RAW, '["one", null]', "row 2: must be text, not null"),
    # its fields
    "no question": (
        ROWS,
        two(QA, without("question", QA)),
        'row 2, field "question": is missing; the row has answer',
    ),
    "no answer": (
        "tofu/retain99.json",
        two(QA, without("answer", qa())),
        'row 2, field "answer": is missing',
    ),
    "null": (ROWS, two(QA, qa(answer=None)), 'row 2, field "answer": .* not null'),
    "a number": (ROWS, two(QA, qa(question=7)), 'row 2, field "question": .* not 7'),
    "a list of answers": (ROWS, two(QA, qa(answer=["a", "b"])), 'row 2, field "answer": must be text'),
    "an empty answer": (ROWS, two(QA, qa(answer=" \n")), 'row 2, field "answer": is empty'),
    "half a character": (
        ROWS,
        two(QA, '{"question": "\\ud800", "answer": "a"}'),
        'row 2, field "question": holds half of a character',
    ),
    "an id twice": (
        ROWS,
        two(QA[:-1] + ', "id": 4}', qa(id=4)),
        'row 2, field "id": stands in .* row 1 already',
    ),
    "a key twice": (
        ROWS,
        "\n".join(qa(question=q, subject="s", relation="r") for q in "ab"),
        'row 2, field "relation": is asked of the same subject',
    ),
    "a half of another name": (
        ROWS,
        two(qa(half="shown"), qa(question="b", half="other")),
        'row 2, field "half": is "other"',
    ),
    "half of the halves": (ROWS, two(qa(half="shown"), qa(question="b")), 'row 2, field "half": is missing'),
    "one half alone": (ROWS, qa(), "row 1: .* one of them is empty"),
    "no flag": (ROWS, two(QA, qa(open_class="yes")), 'row 2, field "open_class"'),
    "a question nobody asked": (
        WRONG,
        qa(question="Why?", perturbed_answer=["x"]),
        'row 1, field "question": is not asked in .*forget01.json',
    ),
    "perturbed twice": (
        WRONG,
        two(PERTURBED, PERTURBED.replace("Bob", "Eve")),
        "row 2, .* row 1 already, for .*forget01.json, row 1",
    ),
    "nothing perturbed": (WRONG, QA, 'row 1, field "perturbed_answer": is missing'),
    "no wrong answer": (
        WRONG,
        PERTURBED.replace('["Bob"]', "[]"),
        'row 1, field "perturbed_answer": is an empty list',
    ),
    "a wrong answer of null": (
        WRONG,
        PERTURBED.replace('"Bob"', '"Bob", null'),
        'row 1, field "perturbed_answer": entry 2 must be text, not null',
    ),
    "options without the answer": (
        "tofu/real_authors.json",
        qa(option1="a", option2="b", option3="c", option4="d"),
        'row 1, field "answer": is none of the four options',
    ),
    "an option missing": ("tofu/world_facts.json", qa(option1="Oslo"), 'row 1, field "option2": is missing'),
    "no gt": ("muse/verbmem/forget.json", '[{"prompt": "a"}]', 'row 1, field "gt": is missing'),
    "texts without text": ("muse/privleak/forget.json", '[{"txt": "a"}]', 'row 1, field "text"'),
    "an empty document": ("muse/raw/retain1.json", '["a b", ""]', "row 2: is empty"),
    "five choices": ("wmdp/retain.jsonl", mcq(choices=list("abcde")), "must be 4 texts, not 5"),
    "choices in one text": (CHOICES, mcq(choices="abcd"), 'row 1, field "choices": must be a list of texts'),
    "the right choice twice": (CHOICES, mcq(choices=list("abcc")), "holds the right one, 'c', twice"),
    "a choice of a number": (
        CHOICES,
        mcq(choices=["a", 2, "c", "d"]),
        'field "choices": entry 2 must be text, not 2',
    ),
    "an answer out of range": (
        CHOICES,
        two(mcq(), mcq(answer=4)),
        'row 2, field "answer": must be 0 to 3, not 4',
    ),
    "an answer below": (CHOICES, mcq(answer=-1), "must be 0 to 3, not -1"),
    "a letter": (CHOICES, mcq(answer="B"), 'must be a whole number, 0 to 3, not "B"'),
    "true": (CHOICES, mcq(answer=True), "must be a whole number, 0 to 3, not true"),
    "2.0": (CHOICES, mcq(answer=2.0), "must be a whole number, 0 to 3, not 2.0"),
    "a question with two answers": (
        CHOICES,
        two(mcq(), mcq(answer=1)),
        'row 2, field "answer": is not that of .*row 1, which asks the same',
    ),
    "an id twice among the choices": (
        CHOICES,
        two(mcq(id="a"), mcq(question="b", id="a")),
        'row 2, field "id": stands in .* row 1 already',
    ),
    "an empty text to forget": ("wmdp/forget_corpus.jsonl", '{"text": ""}', 'field "text": is empty'),
    # its length
    "a row too long": (ROWS, two(QA, qa(answer=LONG)), r"row 2: has \d+ tokens, more than 256"),
    "a wrong answer too long": (WRONG, PERTURBED.replace("Bob", LONG), r"row 1: has \d+ tokens"),
    "a passage too long": ("muse/verbmem/forget.json", f'[{{"prompt": "{LONG}", "gt": "a"}}]', "row 1: has"),
}


def put(folder: Path, name: str, content: bytes | str | None) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.unlink(missing_ok=True)
        path.mkdir()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def folder(tmp_path):
    """A small folder of each family, without a fault."""
    questions = "\n".join(qa(question=f"Where is {i}?") for i in range(2))
    put(tmp_path, "tofu/forget01.json", f"{QA}\n{qa()}")
    put(tmp_path, "tofu/retain99.json", questions)
    for part in ("raw/forget", "raw/retain1"):
        put(tmp_path, f"muse/{part}.json", '["One text.", "Another."]')
    for part in ("knowmem/forget_qa", "knowmem/retain_qa"):
        put(tmp_path, f"muse/{part}.json", questions)
    for part in ("forget", "retain"):
        put(tmp_path, f"wmdp/{part}.jsonl", "\n".join(mcq(question=f"Which {i}?") for i in range(2)))
    return tmp_path


@pytest.fixture
def no_model(monkeypatch):
    """Rows are checked before a model is loaded: loading one fails the test."""
    monkeypatch.setattr(from_files, "load_model", lambda *_, **__: pytest.fail("a model was loaded"))


@pytest.mark.parametrize("case", TABLE)
def test_a_malformed_file_is_refused_by_name(case, folder, toy_model, no_model):
    name, content, says = TABLE[case]
    family, stem = name.split("/")[0], str(Path(name).with_suffix(""))
    for other in folder.glob(f"{stem}.*"):
        other.unlink()
    put(folder, name, content)
    stem = Path(name).stem.removesuffix("_perturbed")
    with pytest.raises((BadInput, MissingReference), match=f"{stem}.*{says}") as caught:
        uk.load_testbed(f"{family}:{folder / family}", model=toy_model, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", ["tofu", "muse", "wmdp"])
def test_without_a_fault_the_folders_load(family, folder, toy_model):
    lab = uk.load_testbed(f"{family}:{folder / family}", model=toy_model, device="cpu")
    assert len(lab.forget_shown) and len(lab.forget_heldout) and len(lab.retain)


@pytest.mark.parametrize(
    ("name", "more", "error", "says"),
    [
        ("tofu", {}, BadInput, '"tofu" names no rows; write "tofu:PATH"'),
        ("muse: ", {}, BadInput, 'write "muse:PATH", a folder of MUSE files'),
        ("tofu:{folder}/none", {}, MissingReference, "is no folder here and no hub id"),
        ("tofu:C:\\rows\\tofu", {}, MissingReference, r"C:\\rows\\tofu is no folder here and no hub id"),
        ("wmdp:C:/rows", {}, MissingReference, "C:/rows is no folder here and no hub id"),
        (
            "tofu:{folder}/tofu/forget01.json",
            {},
            MissingReference,
            "is a file; give the folder",
        ),
        ("tofu:{folder}/muse", {}, MissingReference, "has no forget set .* it holds knowmem, raw"),
        (
            "muse:{folder}/tofu",
            {},
            MissingReference,
            "has no raw/forget.json .* holds forget01",
        ),
        ("wmdp:{folder}/tofu", {}, MissingReference, "so it is no WMDP folder; it holds forget01.json"),
        ("tofu:{folder}/tofu", {"model": None}, MissingReference, "model: .* give one as model=PATH"),
        ("tofu:{folder}/tofu", {"model": "./none"}, MissingReference, "model: none holds no config.json"),
        ("tofu:{folder}/tofu", {"never_learned": "./none"}, MissingReference, "never_learned: none holds no"),
        ("tofu:{folder}/tofu", {"too_long": "shorten"}, BadInput, 'too_long: "shorten" is not known'),
        ("tofu:{folder}/tofu", {"fold": 2}, BadInput, "fold: tofu files have none, given 2"),
        ("tofu:{folder}/tofu", {"task": "forget10"}, BadInput, 'task: "forget10" is not known'),
        ("toffu:{folder}/tofu", {}, BadInput, 'testbed: "toffu:'),
        (7, {}, BadInput, "testbed: 7 is not known"),
    ],
)
def test_wrong_arguments_are_refused(name, more, error, says, folder, toy_model, no_model):
    name = name.format(folder=folder) if isinstance(name, str) else name
    with pytest.raises(error, match=says) as caught:
        uk.load_testbed(name, **({"model": toy_model, "device": "cpu"} | more))
    assert "\n" not in str(caught.value)


def test_a_question_that_leaves_no_room_for_an_answer_cannot_be_cut(folder, toy_model, no_model):
    put(folder, "tofu/forget01.json", two(QA, qa(question="word " * 300)))
    with pytest.raises(BadInput, match=r"row 2: the question alone has \d+ tokens, and no answer"):
        uk.load_testbed(f"tofu:{folder / 'tofu'}", model=toy_model, device="cpu", too_long="cut")


def test_leaving_out_every_row_is_refused(folder, toy_model, no_model):
    put(folder, "tofu/forget01.json", "\n".join(qa(question=f"{i} " * 300) for i in range(2)))
    with pytest.raises(BadInput, match='too_long: "skip" leaves no row of forget'):
        uk.load_testbed(f"tofu:{folder / 'tofu'}", model=toy_model, device="cpu", too_long="skip")


def test_there_are_enough_of_them():
    assert len(TABLE) >= 40
