"""The decoder layers of a causal language model, and what one of them puts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from unlearnkit.errors import BadInput

# Where an MLP ends, below its layer: Llama, Mistral, Qwen; GPT-2; GPT-NeoX; Phi; OPT.
MLP_OUTPUTS = ("mlp.down_proj", "mlp.c_proj", "mlp.dense_4h_to_h", "mlp.fc2", "fc2")


def decoder_layers(model: Any) -> nn.ModuleList:
    """The list of decoder layers, first to last: the outermost list as long as the configuration's depth.

    Raises
    ------
    BadInput
        When the model has no such list.
    """
    depth = getattr(getattr(model, "config", None), "num_hidden_layers", None)
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return module
    raise BadInput(
        f"model: no list of {depth} decoder layers in a {type(model).__name__}, so there is none to steer; "
        "give a causal language model whose config.num_hidden_layers counts a ModuleList, such as a Llama"
    )


def mlp_output(layer: nn.Module) -> nn.Parameter:
    """The matrix that an MLP ends with: down_proj of a Llama, c_proj of a GPT-2.

    Raises
    ------
    BadInput
        When the layer has none of the known names.
    """
    named = dict(layer.named_parameters())
    for name in MLP_OUTPUTS:
        if f"{name}.weight" in named:
            return named[f"{name}.weight"]
    raise BadInput(
        f"model: a {type(layer).__name__} has none of {', '.join(MLP_OUTPUTS)}, so which matrix ends its MLP "
        'is not known; train whole layers instead: weights="all"'
    )


def activations(model: Any, batch: Mapping[str, torch.Tensor], layer: int) -> torch.Tensor:
    """What decoder layer `layer`, 0 the first, puts out at every place: (batch, length, width).

    That is `hidden_states[layer + 1]` of Hugging Face, whose first are the embeddings; the last layer's is
    taken before the final norm. In float32, also for a half-precision model; in float64 for a float64 one.
    """
    seen: list[torch.Tensor] = []

    def keep(module: nn.Module, given: Any, output: Any) -> None:
        """Some layers put out a tensor, some a tuple that starts with it."""
        seen.append(output[0] if isinstance(output, tuple) else output)

    handle = decoder_layers(model)[layer].register_forward_hook(keep)
    try:
        trunk = getattr(model, "base_model", model)  # without the head, which nobody asked
        trunk(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False)
    finally:
        handle.remove()
    return seen[0].to(torch.promote_types(seen[0].dtype, torch.float32))
