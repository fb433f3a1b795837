"""A small decoder-only Transformer, with a choice of its parts."""

from __future__ import annotations

from collections.abc import Sequence

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.core.attention.masks import causal_mask
from tinymlx.core.attention.plain import masked_scores, weights_of
from tinymlx.nn.layers.transformer import merge_heads, split_heads
from tinymlx.text.sampling import sample

from .caches import KVCache
from .feed_forward import SwiGLU

#: How a model is told the order of its tokens.
POSITIONS = ("none", "learned", "sinusoidal", "alibi", "rotary")


class SelfAttention(nn.Module):
    """Each position asks those before it and itself.

    Args:
        dims: the features of each position.
        heads: the heads of the queries.
        kv_heads: the heads of keys and values; as many as of queries by default.
        rotary: whether queries and keys are turned by their positions.

    Attributes:
        silent: heads whose answers are replaced by 0, to see what the others do without them.
    """

    def __init__(
        self, dims: int, heads: int, kv_heads: int | None = None, rotary: bool = True
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads = heads, kv_heads or heads
        size = dims // heads
        if dims % heads or heads % self.kv_heads:
            raise ValueError(
                f"[SelfAttention] dims, {dims}, should be a multiple of heads, {heads}, and heads "
                f"of kv_heads, {self.kv_heads}."
            )
        self.query_proj = nn.Linear(dims, dims, bias=False)
        self.key_proj = nn.Linear(dims, self.kv_heads * size, bias=False)
        self.value_proj = nn.Linear(dims, self.kv_heads * size, bias=False)
        self.out_proj = nn.Linear(dims, dims, bias=False)
        if rotary:
            self.rope = nn.RoPE(size)
        self.scale = size**-0.5
        self.silent: tuple[int, ...] = ()

    def __call__(self, x: array, mask: array | str, cache: KVCache | None = None) -> array:
        """``(B, T, dims)`` to the same."""
        q, k = self.asked(x, 0 if cache is None else cache.offset)
        v = split_heads(self.value_proj(x), self.kv_heads)
        if cache is not None:
            k, v = cache.update_and_fetch(k, v)
        y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
        for head in self.silent:
            y = core.where((core.arange(self.heads) == head)[:, None, None], 0, y)
        return self.out_proj(merge_heads(y))

    def asked(self, x: array, offset: int = 0) -> tuple[array, array]:
        """Queries and keys of positions from ``offset`` on, ``(B, H, T, D)``."""
        q = split_heads(self.query_proj(x), self.heads)
        k = split_heads(self.key_proj(x), self.kv_heads)
        return (self.rope(q, offset), self.rope(k, offset)) if "rope" in self else (q, k)

    def weights(self, x: array, mask: array | str) -> array:
        """Who asks whom, and how much: ``(B, H, T, T)``, rows sum to 1."""
        q, k = self.asked(x)
        return weights_of(masked_scores(q * self.scale, k, mask), None)


class Block(nn.Module):
    """Attention, and a gated feed-forward network unless ``hidden`` is 0; each is added.

    Args:
        dims, heads, kv_heads, rotary: as for :class:`SelfAttention`.
        hidden: the features inside the feed-forward network.
        dropout: the share that is left out of what is added.
        norm_first: whether the input of each part is normalized, or the sum.
    """

    def __init__(
        self,
        dims: int,
        heads: int,
        kv_heads: int | None,
        hidden: int,
        rotary: bool,
        dropout: float,
        norm_first: bool,
    ) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.attention = SelfAttention(dims, heads, kv_heads, rotary)
        self.attention_norm = nn.RMSNorm(dims)
        if hidden:
            self.feed_forward = SwiGLU(dims, hidden)
            self.feed_forward_norm = nn.RMSNorm(dims)
        self.dropout = nn.Dropout(dropout)

    def __call__(self, x: array, mask: array | str, cache: KVCache | None = None) -> array:
        """``(B, T, dims)`` to the same."""
        if self.norm_first:
            x = x + self.dropout(self.attention(self.attention_norm(x), mask, cache))
            if "feed_forward" in self:
                x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
            return x
        x = self.attention_norm(x + self.dropout(self.attention(x, mask, cache)))
        if "feed_forward" in self:
            x = self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))
        return x


class Decoder(nn.Module):
    """Tokens to logits of the next one.

    Args:
        vocabulary: how many tokens there are.
        dims: the features of each position.
        heads: the heads of the queries.
        layers: how many blocks.
        kv_heads: the heads of keys and values; as many as of queries by default.
        hidden: the features inside the feed-forward networks; 8/3 of ``dims`` by default, and with
            0 there is nothing but attention.
        positions: one of ``POSITIONS``.
        length: how many positions a table of ``"learned"`` ones has.
        dropout: the share that is left out.
        norm_first: whether the input of each part is normalized, or the sum. With the first, the
            sum of all parts is normalized once, in the end.

    Shape:
        ``(B, T)`` to ``(B, T, vocabulary)``.

    Raises:
        ValueError: an unknown kind of positions, or a table of them without a length.
    """

    def __init__(
        self,
        vocabulary: int,
        dims: int,
        heads: int,
        layers: int,
        *,
        kv_heads: int | None = None,
        hidden: int | None = None,
        positions: str = "rotary",
        length: int | None = None,
        dropout: float = 0.0,
        norm_first: bool = True,
    ) -> None:
        super().__init__()
        if positions not in POSITIONS:
            raise ValueError(f"[Decoder] positions should be one of {', '.join(POSITIONS)}.")
        if (length is None) == (positions == "learned"):
            raise ValueError("[Decoder] length is for learned positions, which need one.")
        if hidden is None:
            hidden = 8 * -(-dims // 3)
        self.heads, self.positions = heads, positions
        self.embedding = nn.Embedding(vocabulary, dims)
        if length is not None:
            self.table: nn.Module = nn.Embedding(length, dims)
        elif positions == "sinusoidal":
            self.table = nn.SinusoidalPositionalEncoding(dims)
        rotary = positions == "rotary"
        self.blocks = [
            Block(dims, heads, kv_heads, hidden, rotary, dropout, norm_first) for _ in range(layers)
        ]
        if norm_first:
            self.norm = nn.RMSNorm(dims)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(dims, vocabulary, bias=False)

    def __call__(self, tokens: array, cache: Sequence[KVCache] | None = None) -> array:
        """Logits after each token.

        Args:
            tokens: ``(B, T)``.
            cache: of :meth:`make_cache`; holds what came before, and keeps the new tokens.

        Raises:
            ValueError: there are more positions than the table of learned ones has.
        """
        offset = cache[0].offset if cache else 0
        x = self.embedded(tokens, offset)  # (B, T) -> (B, T, D)
        mask = self.mask(tokens.shape[1], offset)
        for i, block in enumerate(self.blocks):
            x = block(x, mask, cache[i] if cache else None)  # (B, T, D)
        return self.head(self.norm(x) if "norm" in self else x)  # (B, T, V)

    def embedded(self, tokens: array, offset: int = 0) -> array:
        """Tokens as vectors, with their positions where these are added."""
        x = self.embedding(tokens)
        if "table" in self:
            end = offset + tokens.shape[1]
            if self.positions == "learned" and end > self.table.weight.shape[0]:
                raise ValueError(
                    f"[Decoder] {end} tokens are longer than the table of positions, "
                    f"{self.table.weight.shape[0]}."
                )
            x = x + self.table(core.arange(offset, end)).astype(x.dtype)
        return self.dropout(x)

    def mask(self, length: int, offset: int = 0) -> array | str:
        """Who may ask whom, and with ``"alibi"`` how gladly."""
        if self.positions != "alibi":
            return "causal"
        end = offset + length
        biases = nn.ALiBi.create_alibi_matrix(
            q_sequence_length=end, k_sequence_length=end, num_heads=self.heads, offset=offset
        )
        return core.where(causal_mask(length, end), biases, -core.inf)

    def maps(self, tokens: array) -> list[array]:
        """The attention of every layer, ``(B, H, T, T)``, for drawing."""
        x, mask, found = self.embedded(tokens), self.mask(tokens.shape[1]), []
        for block in self.blocks:
            y = block.attention_norm(x) if block.norm_first else x
            found.append(block.attention.weights(y, mask))
            x = block(x, mask)
        return found

    def make_cache(self) -> list[KVCache]:
        """An empty cache for each layer."""
        return [KVCache() for _ in self.blocks]

    def write(
        self,
        prompt: Sequence[int],
        count: int,
        temperature: float = 1.0,
        k: int | None = None,
        p: float | None = None,
    ) -> list[int]:
        """Tokens that continue a prompt, which has at least one."""
        training = self.training
        self.eval()
        cache = self.make_cache()
        logits, written = self(core.array([list(prompt)]), cache), []
        for _ in range(count):
            token = sample(logits[:, -1], temperature, k, p)
            logits = self(token[:, None], cache)
            written.append(token.item())
        self.train(training)
        return written
