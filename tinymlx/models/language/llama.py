"""Llama 2 and 3, and what differs from them in a few lines: Mistral, Qwen 2, Qwen 3.

Sources: H. Touvron et al., Llama 2 (2023), https://arxiv.org/abs/2307.09288; A. Jiang et al.,
Mistral 7B (2023), https://arxiv.org/abs/2310.06825; A. Yang et al., Qwen3 (2025),
https://arxiv.org/abs/2505.09388; the names are those of the published weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.models.caches import KVCache
from tinymlx.models.feed_forward import SwiGLU

from .masks import Mask, attention_mask, check_tokens
from .rotations import rotation


@dataclass(frozen=True)
class LlamaConfig:
    """The entries of ``config.json`` that matter, under their published names.

    ``query_key_bias`` and ``query_key_norm`` are what Qwen 2 and Qwen 3 do differently; ``windows``
    says for each layer how far back a token may ask (``None``: any distance).
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    rope_scaling: dict[str, Any] | None = None
    tie_word_embeddings: bool = False
    query_key_value_bias: bool = False
    output_bias: bool = False
    query_key_norm: bool = False
    windows: tuple[int | None, ...] = ()

    def __post_init__(self) -> None:
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"[LlamaConfig] num_attention_heads, {self.num_attention_heads}, is no multiple of "
                f"num_key_value_heads, {self.num_key_value_heads}."
            )


class Attention(nn.Module):
    """Causal attention with rotated queries and keys, and fewer heads of keys than of queries."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        dims, size = config.hidden_size, config.head_dim
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.scale = size**-0.5
        bias = config.query_key_value_bias
        self.q_proj = nn.Linear(dims, self.heads * size, bias=bias)
        self.k_proj = nn.Linear(dims, self.kv_heads * size, bias=bias)
        self.v_proj = nn.Linear(dims, self.kv_heads * size, bias=bias)
        self.o_proj = nn.Linear(self.heads * size, dims, bias=config.output_bias)
        if config.query_key_norm:
            self.q_norm = nn.RMSNorm(size, config.rms_norm_eps)
            self.k_norm = nn.RMSNorm(size, config.rms_norm_eps)
        self.rope = rotation(size, config.rope_theta, config.rope_scaling)

    def __call__(self, x: array, mask: Mask, cache: KVCache | None, padding: array | None) -> array:
        """What new tokens get of themselves and of those in the cache.

        Each head of queries and of keys is normalized where the model does that (``"q_norm" in
        self``), then rotated. The position of the first new token is the number of those in the
        cache (its ``offset``), less the padding in front of its text. Keys go into the cache as
        they are then, and heads that share one need no copies of it (chapter 11).

        Args:
            x: the new tokens, ``(N, L, D)``.
            mask: as for ``core.fast.scaled_dot_product_attention``.
            cache: holds what came before, and keeps the new tokens.
            padding: how many tokens in front of each text are none, ``(N,)``.

        Returns:
            ``(N, L, D)`` in the dtype of ``x``.
        """
        raise NotImplementedError(
            "12.17 __call__ - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class Block(nn.Module):
    """Attention, then the gated feed-forward network, each behind a normalization and added."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        dims, eps = config.hidden_size, config.rms_norm_eps
        self.self_attn = Attention(config)
        self.mlp = SwiGLU(dims, config.intermediate_size)
        self.input_layernorm = nn.RMSNorm(dims, eps)
        self.post_attention_layernorm = nn.RMSNorm(dims, eps)

    def __call__(self, x: array, mask: Mask, cache: KVCache | None, padding: array | None) -> array:
        """``(N, L, D)`` to the same."""
        x = x + self.self_attn(self.input_layernorm(x), mask, cache, padding)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    """Everything up to the logits."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = [Block(config) for _ in range(config.num_hidden_layers)]
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.windows = config.windows or (None,) * config.num_hidden_layers

    def __call__(
        self, tokens: array, cache: Sequence[KVCache | None], padding: array | None
    ) -> array:
        """``(N, L)`` to ``(N, L, D)``."""
        check_tokens(tokens, "Llama")
        length, offset = tokens.shape[1], cache[0].offset if cache[0] is not None else 0
        masks = {w: attention_mask(length, offset, padding, w) for w in set(self.windows)}
        x = self.embed_tokens(tokens)
        for layer, kept, window in zip(self.layers, cache, self.windows):
            x = layer(x, masks[window], kept, padding)
        return self.norm(x)


class Llama(nn.Module):
    """Tokens to logits of the next one.

    Args:
        config: sizes.

    Shape:
        ``(N, L)`` to ``(N, L, vocab_size)``.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.model = Body(config)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

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
            ValueError: there is no text, or no token in it.
        """
        x = self.model(tokens, cache or [None] * len(self.model.layers), padding)
        return self.lm_head(x) if "lm_head" in self else self.model.embed_tokens.as_linear(x)

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return self.model.embed_tokens.weight.shape[0]

    def make_cache(self) -> list[KVCache]:
        """An empty cache for each layer."""
        return [KVCache() for _ in self.model.layers]

    def sanitize(self, weights: dict[str, array]) -> dict[str, array]:
        """Published names to ours: old files store angles, and a head that is the embedding."""
        return {
            name: weight
            for name, weight in weights.items()
            if not name.endswith("rotary_emb.inv_freq")
            and ("lm_head" in self or name != "lm_head.weight")
        }

    @staticmethod
    def from_config(config: dict[str, Any]) -> Llama:
        """A model of the sizes in a published ``config.json``.

        Raises:
            ValueError: an entry is missing, or asks for what is not known here.
        """
        return Llama(read(config))


def read(config: dict[str, Any]) -> LlamaConfig:
    """The published entries, with the defaults that their publishers left out."""
    if config.get("hidden_act", "silu") != "silu" or config.get("mlp_bias"):
        raise ValueError("[Llama] Only silu without biases is known as a feed-forward network.")
    try:
        heads, dims = config["num_attention_heads"], config["hidden_size"]
        sizes = {
            name: config[name]
            for name in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
        }
    except KeyError as error:
        raise ValueError(f"[Llama] config.json lacks {error}.") from None
    kind = config.get("model_type", "llama")
    ropes = config.get("rope_parameters") or config.get("rope_scaling")
    bias = bool(config.get("attention_bias", False))
    return LlamaConfig(
        **sizes,
        num_attention_heads=heads,
        num_key_value_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or dims // heads,
        rms_norm_eps=config.get("rms_norm_eps", 1e-6),
        rope_theta=(ropes or {}).get("rope_theta", config.get("rope_theta", 10000.0)),
        rope_scaling=ropes,
        tie_word_embeddings=config.get("tie_word_embeddings", False),
        query_key_value_bias=bias or kind == "qwen2",
        output_bias=bias,
        query_key_norm=kind == "qwen3",
        windows=windows(config, kind, sizes["num_hidden_layers"]),
    )


def windows(config: dict[str, Any], kind: str, layers: int) -> tuple[int | None, ...]:
    """How far back the tokens of each layer may ask.

    Mistral has one window for all layers, or none. Qwen has one where ``use_sliding_window`` says
    so, and only from the layer ``max_window_layers`` on.
    """
    window = config.get("sliding_window")
    if kind.startswith("qwen"):
        kinds = config.get("layer_types")
        first = config.get("max_window_layers", layers)
        if not config.get("use_sliding_window"):
            window = None
        elif kinds is not None:
            return tuple(window if k == "sliding_attention" else None for k in kinds)
        else:
            return tuple(window if i >= first else None for i in range(layers))
    return (window if kind != "llama" else None,) * layers
