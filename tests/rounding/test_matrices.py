"""Which weights are rounded."""

from __future__ import annotations

import pytest

from unlearnkit.errors import BadInput
from unlearnkit.rounding import matrices


def test_matrices_are_all_matrices_and_a_tied_one_once(make_llama):
    tied, loose = make_llama(), make_llama(tie_word_embeddings=False)
    names = [name for name, _ in matrices(tied)]
    assert "model.embed_tokens.weight" in names
    assert "lm_head.weight" not in names
    assert {name for name, _ in matrices(loose)} == {*names, "lm_head.weight"}
    assert not [name for name in names if "norm" in name]
    # 2 layers of q, k, v, o, gate, up, down, and the embedding
    assert len(names) == 2 * 7 + 1


BITSANDBYTES = ("embed_tokens", "lm_head")


@pytest.mark.parametrize("tied", [True, False])
def test_what_bitsandbytes_leaves_alone_can_be_left_out(tied, make_llama):
    model = make_llama(tie_word_embeddings=tied)
    names = [name for name, _ in matrices(model, skip=BITSANDBYTES)]
    assert len(names) == 2 * 7
    assert all(".layers." in name for name in names)


def test_a_tied_matrix_is_left_out_under_either_name(make_llama):
    model = make_llama()
    for part in BITSANDBYTES:
        assert "model.embed_tokens.weight" not in {name for name, _ in matrices(model, skip=(part,))}
    loose = make_llama(tie_word_embeddings=False)
    assert "model.embed_tokens.weight" in {name for name, _ in matrices(loose, skip=("lm_head",))}


@pytest.mark.parametrize("part", ["embed", "lm_heads", "", "model.layers"])
def test_a_part_that_names_nothing_is_refused(part, make_llama):
    with pytest.raises(BadInput, match="part of no parameter's name"):
        list(matrices(make_llama(), skip=("lm_head", part)))


def test_a_single_string_is_not_taken_for_its_letters(make_llama):
    with pytest.raises(BadInput, match=r'use \("lm_head",\)'):
        list(matrices(make_llama(), skip="lm_head"))
