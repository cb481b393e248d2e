"""Whether a text fits the places that a model has."""

from __future__ import annotations

from typing import Any

from unlearnkit.errors import BadInput


def require_positions(model: Any, longest: int, *, what: str) -> None:
    """Raise unless the model has positions for the longest text; cutting it would change what is asked.

    Parameters
    ----------
    model : a Hugging Face causal language model
    longest : int
        Tokens that it must read.
    what : str
        What is so long, for the message: "questions: the longest prompt".

    Raises
    ------
    BadInput
        With both numbers.
    """
    room = getattr(model.config, "max_position_embeddings", None)
    if room is not None and longest > room:
        raise BadInput(
            f"{what} has {longest} tokens, and the model has positions for {room}; beyond them it was never "
            "trained, and cut at its beginning it would be another text: shorten it, leave it out, or give a "
            "model with more"
        )
