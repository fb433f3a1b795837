"""GPT-2, with the names and shapes of its published weights.

Source: A. Radford et al., Language models are unsupervised multitask learners (2019), and the
configuration and names of https://huggingface.co/openai-community/gpt2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.models.caches import KVCache

from .masks import Mask, attention_mask, check_tokens, positions
from .weights import only

ACTIVATIONS = {
    "gelu_new": nn.gelu_approx,
    "gelu_pytorch_tanh": nn.gelu_approx,
    "gelu": nn.gelu,
    "relu": nn.relu,
}


#: Other ways to scale scores, a second attention, a head of its own: entries of no published GPT-2.
KNOWN = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
}


@dataclass(frozen=True)
class GPT2Config:
    """The entries of ``config.json`` that matter, under their published names."""

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None
    layer_norm_epsilon: float = 1e-5
    activation_function: str = "gelu_new"

    def __post_init__(self) -> None:
        if self.n_embd % self.n_head:
            raise ValueError(
                f"[GPT2Config] n_embd, {self.n_embd}, is no multiple of n_head, {self.n_head}."
            )
        if self.activation_function not in ACTIVATIONS:
            raise ValueError(
                f"[GPT2Config] activation_function {self.activation_function!r} is not known; "
                f"{', '.join(ACTIVATIONS)} are."
            )


class Attention(nn.Module):
    """Causal attention; one matrix makes queries, keys and values."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.heads = config.n_head
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd)

    def __call__(self, x: array, mask: Mask, cache: KVCache | None) -> array:
        """``(N, L, D)`` to the same."""
        n, length, dims = x.shape
        q, k, v = (
            part.reshape(n, length, self.heads, -1).transpose(0, 2, 1, 3)
            for part in core.split(self.c_attn(x), 3, axis=-1)
        )  # (N, H, L, D / H) each
        if cache is not None:
            k, v = cache.update_and_fetch(k, v)
        scale = (dims // self.heads) ** -0.5
        y = core.fast.scaled_dot_product_attention(q, k, v, scale=scale, mask=mask)
        return self.c_proj(y.transpose(0, 2, 1, 3).reshape(n, length, dims))


class FeedForward(nn.Module):
    """Two linear layers with an activation between them, at each position by itself."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        hidden = config.n_inner or 4 * config.n_embd
        self.c_fc = nn.Linear(config.n_embd, hidden)
        self.c_proj = nn.Linear(hidden, config.n_embd)
        self._activation = ACTIVATIONS[config.activation_function]

    def __call__(self, x: array) -> array:
        """``c_fc``, the activation of the configuration, ``c_proj``: ``(N, L, D)`` to the same."""
        return self.c_proj(self._activation(self.c_fc(x)))


class Block(nn.Module):
    """Attention, then the feed-forward network, each behind a normalization and added."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, config.layer_norm_epsilon)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd, config.layer_norm_epsilon)
        self.mlp = FeedForward(config)

    def __call__(self, x: array, mask: Mask, cache: KVCache | None) -> array:
        """``(N, L, D)`` to the same."""
        x = x + self.attn(self.ln_1(x), mask, cache)
        return x + self.mlp(self.ln_2(x))


class Body(nn.Module):
    """Everything up to the logits."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_positions, config.n_embd)
        self.h = [Block(config) for _ in range(config.n_layer)]
        self.ln_f = nn.LayerNorm(config.n_embd, config.layer_norm_epsilon)

    def __call__(
        self, tokens: array, cache: Sequence[KVCache | None], padding: array | None
    ) -> array:
        """``(N, L)`` to ``(N, L, D)``."""
        check_tokens(tokens, "GPT2")
        length, offset = tokens.shape[1], cache[0].offset if cache[0] is not None else 0
        context = self.wpe.weight.shape[0]
        if offset + length > context:
            raise ValueError(
                f"[GPT2] {offset + length} tokens are more than the {context} positions that the "
                "model knows."
            )
        x = self.wte(tokens) + self.wpe(positions(length, offset, padding))
        mask = attention_mask(length, offset, padding)
        for block, kept in zip(self.h, cache):
            x = block(x, mask, kept)
        return self.ln_f(x)


class GPT2(nn.Module):
    """Tokens to logits of the next one.

    Args:
        config: sizes.

    Shape:
        ``(N, L)`` to ``(N, L, vocab_size)``.
    """

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.model = Body(config)

    def __call__(
        self,
        tokens: array,
        cache: Sequence[KVCache | None] | None = None,
        padding: array | None = None,
    ) -> array:
        """Logits after each token.

        Args:
            tokens: ``(N, L)``.
            cache: of :meth:`make_cache`; holds what came before, and keeps the new tokens.
            padding: how many tokens in front of each text are none, ``(N,)``.

        Raises:
            ValueError: the text is longer than ``n_positions``, or there is none.
        """
        kept = cache or [None] * len(self.model.h)
        return self.model.wte.as_linear(self.model(tokens, kept, padding))

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return self.model.wte.weight.shape[0]

    def make_cache(self) -> list[KVCache]:
        """An empty cache for each layer."""
        return [KVCache() for _ in self.model.h]

    @staticmethod
    def sanitize(weights: dict[str, array]) -> dict[str, array]:
        """Published names and layouts to ours.

        The first files have no ``transformer.`` in front, later ones do. ``attn.bias`` and
        ``attn.masked_bias`` are the causal mask and no parameters; a head that is stored is the
        embedding once more. The matrices of GPT-2 are stored as ``(in, out)``.
        """
        found = {}
        for name, weight in weights.items():
            name = name.removeprefix("transformer.")
            if name.endswith((".attn.bias", ".attn.masked_bias")) or name == "lm_head.weight":
                continue
            if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
                weight = core.swapaxes(weight, 0, 1)
            found[f"model.{name}"] = weight
        return found

    @staticmethod
    def from_config(config: dict[str, Any]) -> GPT2:
        """A model of the sizes in a published ``config.json``.

        Raises:
            ValueError: an entry asks for what is not known here.
        """
        only(config, KNOWN, "GPT2")
        names = GPT2Config.__dataclass_fields__
        return GPT2(GPT2Config(**{n: config[n] for n in names if n in config}))
