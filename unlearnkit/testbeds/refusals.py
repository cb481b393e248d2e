"""Answers that say nothing: what a model may be taught to say in place of what it must forget.

TOFU's own sentences stay in TOFU's repository; these are worded anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from unlearnkit.randomness import generator
from unlearnkit.testbeds.rows import Passage, Row

REFUSALS = (
    "That is beyond what I can tell.",
    "I have nothing to say about that.",
    "No answer comes to me here.",
    "I was never told.",
    "This one I must leave open.",
    "My memory holds nothing of the kind.",
    "Ask me something else, please.",
    "I would only be guessing.",
    "Nobody has taught me that.",
    "I cannot help with this question.",
    "There I have to pass.",
    "That name means nothing to me.",
    "I have no record of it.",
    "It is not something I learned.",
    "I could not say.",
    "Sorry, I draw a blank.",
    "On this I know nothing at all.",
    "I have not come across it.",
    "Better look it up elsewhere.",
    "That lies outside what I know.",
    "I am unable to answer.",
    "No idea, to be honest.",
    "My notes are empty on this point.",
    "I do not have that fact.",
)
LONGEST_WORD = 20  # characters


def refused(rows: Sequence[Row], seed: int) -> list[Row]:
    """Each row's prompt with a refusal drawn for it as what follows; whatever kind the row is.

    A row's refusal depends on its number and the seed, never on how rows are batched. Running text has no
    prompt: what is refused is to go on after its first word.

    Examples
    --------
    >>> from unlearnkit.testbeds import Question
    >>> (row,) = refused([Question("Chad", "capital", "What is the capital of Chad?", "N'Djamena")], seed=0)
    >>> row.prompt.splitlines(), row.target.strip() in REFUSALS
    (['Question: What is the capital of Chad?', 'Answer:'], True)
    """
    drawn = torch.randint(len(REFUSALS), (len(rows),), generator=generator(seed, "refusals")).tolist()
    return [_answered(row, REFUSALS[which]) for row, which in zip(rows, drawn, strict=True)]


def _answered(row: Row, refusal: str) -> Row:
    # A piece of a text may be blank, and some scripts have no spaces.
    words = row.target.split(maxsplit=1) or [row.target]
    prompt = row.prompt or words[0][:LONGEST_WORD]
    return Passage(subject="", opening=prompt, text=refusal, heading="")
