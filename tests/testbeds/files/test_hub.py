"""A folder goes first; only a hub id fetches something, and only what is asked for."""

from __future__ import annotations

import fnmatch

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError

import unlearnkit as uk
from unlearnkit.errors import MissingReference
from unlearnkit.testbeds.benchmarks.from_files import PARTS
from unlearnkit.testbeds.files.hub import folder_of

PUBLISHED = {
    "tofu": ["forget01.json", "forget01_perturbed.json", "forget05.json", "retain99.json", "retain95.json",
             "full.json", "retain_perturbed.json", "real_authors.json",
             "world_facts_perturbed.json", "README.md"],
    "muse": ["raw/forget-00000-of-00001.parquet", "knowmem/forget_qa.json", "scal/forget_1.json", "a.bin"],
    "wmdp": ["wmdp-bio/test-00000-of-00001.parquet", "wmdp-cyber/test-00000-of-00001.parquet",
             "bio-forget-corpus.jsonl", "forget_corpus.jsonl",
             "bio-forget-corpus/train-00000-of-00001.parquet"],
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What was asked of the hub; nothing is fetched."""
    calls = []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **more: calls.append((name, more)) or str(tmp_path)
    )
    return calls


def fetched(family, options):
    """The published files that these options let through."""
    return [
        name
        for name in PUBLISHED[family]
        if any(fnmatch.fnmatch(name, pattern) for pattern in options["allow_patterns"])
        and not any(fnmatch.fnmatch(name, pattern) for pattern in options["ignore_patterns"])
    ]


def test_a_folder_asks_nothing_of_the_hub(tmp_path, asked, monkeypatch):
    (tmp_path / "locuslab/TOFU").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert folder_of("tofu", "locuslab/TOFU", []).is_dir()
    assert not asked


@pytest.mark.parametrize(
    ("family", "task", "wanted"),
    [
        ("tofu", "forget01", ["forget01.json", "forget01_perturbed.json", "retain99.json",
                              "retain_perturbed.json", "real_authors.json", "world_facts_perturbed.json"]),
        ("muse", None, ["raw/forget-00000-of-00001.parquet", "knowmem/forget_qa.json"]),
        ("wmdp", "bio", ["wmdp-bio/test-00000-of-00001.parquet"]),
    ],
)  # fmt: skip
def test_a_hub_id_fetches_what_is_needed_and_never_a_corpus(family, task, wanted, asked, tmp_path):
    assert folder_of(family, "owner/name", PARTS[family](task)) == tmp_path
    ((name, options),) = asked
    assert (name, options["repo_type"]) == ("owner/name", "dataset")
    assert fetched(family, options) == wanted


@pytest.mark.parametrize(
    "error",
    [LocalEntryNotFoundError("offline\nnow"), ConnectionError("no network"), OSError(),
     RepositoryNotFoundError.__new__(RepositoryNotFoundError)],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_what_cannot_be_fetched_is_one_clear_error(error, monkeypatch, toy_model):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(
        MissingReference, match="owner/name is no folder here, and could not be fetched"
    ) as caught:
        uk.load_testbed("tofu:owner/name", model=toy_model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["nothing", "./owner/name", "a/b/c", "-/x y"])
def test_other_paths_are_not_looked_for_on_the_hub(path, asked):
    with pytest.raises(MissingReference, match="is no folder here and no hub id"):
        folder_of("tofu", path, [])
    assert not asked
