"""Train one model of the lab from nothing, the same way for the target and every control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from unlearnkit.losses import mean_nll
from unlearnkit.randomness import generator, preserve_global_state
from unlearnkit.testbeds.batches import collate, endless_chunks
from unlearnkit.testbeds.encoding import encode_rows
from unlearnkit.testbeds.rows import Row

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast


@dataclass(frozen=True)
class Recipe:
    """How the lab's models are trained. Many small steps beat a bigger model at this size."""

    steps: int = 10_000
    batch_size: int = 8
    lr: float = 3e-3
    warmup: int = 100
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.0
    seed: int = 0

    def lr_at(self, step: int) -> float:
        """Linear warm-up, then linear decay to zero."""
        rise = min(1.0, (step + 1) / self.warmup)
        return self.lr * rise * (1 - step / self.steps)


RECIPE = Recipe()


def build_model(tokenizer: PreTrainedTokenizerFast, *, seed: int) -> LlamaForCausalLM:
    """A Llama of about half a million parameters with random weights that depend on `seed` only."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=344,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with preserve_global_state():
        torch.manual_seed(seed)  # transformers draws initial weights from the global generator
        return LlamaForCausalLM(config)


def train_model(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerFast,
    recipe: Recipe = RECIPE,
    *,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> LlamaForCausalLM:
    """Train a new model on whole rows by AdamW; `on_step` sees each step and its loss."""
    encoded = encode_rows(rows, tokenizer, loss_on="row")
    model: LlamaForCausalLM = build_model(tokenizer, seed=recipe.seed).train()
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.lr,
        betas=recipe.betas,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    chunks = endless_chunks(encoded, recipe.batch_size, generator(recipe.seed, "lab-training"))
    for step in range(recipe.steps):
        optimizer.param_groups[0]["lr"] = recipe.lr_at(step)
        batch = collate([encoded[i] for i in next(chunks)], pad_id=tokenizer.pad_token_id)
        loss = mean_nll(model, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        on_step(step, loss.detach().item())
    model.eval()
    return model
