"""One step of a language model with the cache in arrays of a fixed shape."""

from __future__ import annotations

from collections.abc import Callable

from tinymlx import core
from tinymlx.core import array
from tinymlx.models.language.gpt2 import GPT2

Step = Callable[[array, array, array, array], tuple[array, array, array]]


def step_of(model: GPT2, length: int) -> Step:
    """One token of a GPT-2, for programs whose shapes are fixed.

    A cache that grows has another shape after every token. Here it has ``length`` places from the
    beginning; the new keys and values are put into one of them, and what is behind is not asked.

    Args:
        model: the network.
        length: how many positions there are at most.

    Returns:
        A function of a token, ``(1, 1)`` in int32, its position, ``(1,)`` in int32, and the keys
        and the values so far, ``(layers, 1, heads, length, D / heads)`` each (zeros at first). It
        returns logits, ``(1, 1, vocabulary)``, and the new keys and values.
    """
    places = core.arange(length, dtype=core.int32)

    def step(token: array, place: array, keys: array, values: array) -> tuple[array, array, array]:
        body = model.model
        x = body.wte(token) + body.wpe(place)  # (1, 1, D)
        here = (places == place)[:, None]  # (length, 1)
        seen = (places <= place)[None, :]  # (1, length)
        new_keys, new_values = [], []
        for i, block in enumerate(body.h):
            attention, heads = block.attn, block.attn.heads
            parts = core.split(attention.c_attn(block.ln_1(x)), 3, axis=-1)
            q, k, v = (p.reshape(1, 1, heads, -1).transpose(0, 2, 1, 3) for p in parts)
            k, v = core.where(here, k, keys[i]), core.where(here, v, values[i])
            new_keys.append(k)
            new_values.append(v)
            scores = q @ k.swapaxes(-1, -2) * q.shape[-1] ** -0.5  # (1, heads, 1, length)
            y = core.softmax(core.where(seen, scores, -1e4), axis=-1) @ v
            x = x + attention.c_proj(y.transpose(0, 2, 1, 3).reshape(1, 1, -1))
            x = x + block.mlp(block.ln_2(x))
        logits = body.wte.as_linear(body.ln_f(x))
        return logits, core.stack(new_keys), core.stack(new_values)

    return step


def empty(model: GPT2, length: int) -> array:
    """Room for the keys, or for the values, of all layers: zeros."""
    block = model.model.h[0].attn
    width = block.c_proj.weight.shape[0] // block.heads
    return core.zeros((len(model.model.h), 1, block.heads, length, width))
