"""Models whose answers are known, and questions about nothing dangerous."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch

from unlearnkit.testbeds import Question


class Fixed(torch.nn.Module):
    """After every token it expects the same ones: log-probabilities by token, the rest alike."""

    def __init__(self, size: int, favoured: dict[int, float]):
        super().__init__()
        self.config = SimpleNamespace(max_position_embeddings=256)
        logits = torch.zeros(size)
        for token, logit in favoured.items():
            logits[token] = logit
        self.logits = torch.nn.Parameter(logits)

    @property
    def device(self) -> torch.device:
        return self.logits.device

    def forward(self, input_ids, attention_mask, use_cache):
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


class Oracle(Fixed):
    """It reads the options by letter, and names the letter of the right one."""

    def __init__(self, tokenizer, answers: dict[str, str]):
        super().__init__(len(tokenizer), {})
        self.tokenizer, self.answers = tokenizer, answers

    def forward(self, input_ids, attention_mask, use_cache):
        logits = self.logits.expand(*input_ids.shape, -1).clone()
        for row, (ids, mask) in enumerate(zip(input_ids, attention_mask, strict=True)):
            text = self.tokenizer.decode(ids[mask.bool()], skip_special_tokens=True)
            lines = dict(re.findall(r"^([A-D])\. (.*)$", text, flags=re.MULTILINE))
            for letter, option in lines.items():
                if any(question in text and option == right for question, right in self.answers.items()):
                    logits[row, :, self.tokenizer(f" {letter}").input_ids[-1]] = 10.0
        return SimpleNamespace(logits=logits)


@pytest.fixture
def fixed():
    return Fixed


@pytest.fixture
def oracle():
    return Oracle


@pytest.fixture
def choice():
    """Make a question with four options, the right one in a place: choice(2)."""

    def make(place: int, options=("red", "green", "blue", "yellow"), number: int = 0) -> Question:
        return Question(
            "paint", "colour", f"Which is colour number {number}?", options[place], options=options
        )

    return make
