"""Load models and tokenizers from a folder, or from the hub when its id is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from unlearnkit.errors import BadInput, MissingReference
from unlearnkit.testbeds.encoding import MAX_TOKENS


def require_source(argument: str, source: str | Path) -> None:
    """Raise MissingReference where a folder is named that holds no model; a hub id passes."""
    path = Path(source)
    looks_local = path.is_absolute() or str(source).startswith((".", "~")) or path.exists()
    if looks_local and not (path / "config.json").is_file():
        raise MissingReference(
            f"{argument}: {path} holds no config.json, so it is no Hugging Face model; give the "
            "folder that save_pretrained wrote, or a hub id"
        )


def load_model(source: str | Path, *, device: torch.device, argument: str = "model") -> Any:
    """A causal language model in evaluation mode, in the dtype it was saved in.

    Raises
    ------
    MissingReference
        When the folder holds no model.
    BadInput
        When transformers cannot make a causal language model of it.
    """
    require_source(argument, source)
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    quiet = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # a bar for a file of 2 MB is noise
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(str(source))
    except (OSError, ValueError) as error:
        raise BadInput(f"{argument}: {source} cannot be loaded: {error}") from error
    finally:
        if quiet:
            transformers_logging.enable_progress_bar()
    return model.to(device).eval()


def longest_row(source: str | Path) -> int:
    """Tokens that a row may have: 256, or as many positions as the model has, where these are fewer."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(str(source))
    except (OSError, ValueError) as error:
        raise BadInput(f"model: {source} cannot be loaded: {error}") from error
    return min(MAX_TOKENS, getattr(config, "max_position_embeddings", None) or MAX_TOKENS)


def load_tokenizer(source: str | Path) -> Any:
    """The tokenizer of a model; one without a pad token pads with its end token.

    That is safe here: masks come from lengths, and labels from -100, never from the pad id.
    """
    require_source("model", source)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(source))
    except (OSError, ValueError) as error:
        raise BadInput(f"model: the tokenizer of {source} cannot be loaded: {error}") from error
    if tokenizer.eos_token_id is None:
        raise BadInput(f"model: the tokenizer of {source} has no end token; answers could not end")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
