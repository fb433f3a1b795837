r"""Low-rank adaptation: a large model learns something new with a few numbers more.

The weights stay as they are. Beside a matrix :math:`W` two narrow ones are learned,

.. math:: y = x W^\top + \frac{\alpha}{r} \, x A B,

with :math:`A` of shape :math:`(\text{in}, r)` and :math:`B` of shape :math:`(r, \text{out})`. Since
:math:`B` starts at zero, the model starts as it was; since :math:`A` does not, it can learn.

Source: E. Hu et al., LoRA (2021), https://arxiv.org/abs/2106.09685
"""

from __future__ import annotations

import math
from collections.abc import Callable

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.nn import Module
from tinymlx.utils import tree_unflatten


class LoRALinear(Module):
    r"""A linear layer with two narrow matrices beside it; only these are learned.

    Args:
        linear: the layer, which is frozen.
        rank: :math:`r`.
        alpha: :math:`\alpha`; twice the rank is usual.
        dropout: the share of the input that the narrow way does not see in training.

    Attributes:
        lora_a: ``(in, rank)``, uniform between :math:`\pm 1 / \sqrt{\text{in}}`.
        lora_b: ``(rank, out)``, zeros.

    Shape:
        ``(..., in)`` to ``(..., out)``.

    Raises:
        ValueError: the rank is below 1.
    """

    def __init__(
        self, linear: nn.Linear, rank: int = 8, alpha: float = 16.0, dropout: float = 0.0
    ) -> None:
        """The two matrices as they begin, the frozen layer, and ``scale``."""
        raise NotImplementedError(
            "12.20 __init__ - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def __call__(self, x: array) -> array:
        """The layer's output and what has been learned beside it, in the dtype of the layer's."""
        raise NotImplementedError(
            "12.20 __call__ - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def merged(self) -> nn.Linear:
        """One layer that computes the same."""
        raise NotImplementedError(
            "12.20 merged - exercises/ch12_text_generation/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class LoRAEmbedding(Module):
    r"""An embedding with two narrow matrices beside it.

    Args:
        embedding: the table, which is frozen.
        rank, alpha: as for :class:`LoRALinear`.

    Attributes:
        lora_a: ``(size, rank)``, zeros here: a token that never came up should not change others.
        lora_b: ``(rank, dims)``, uniform between :math:`\pm 1 / \sqrt{r}`.

    Shape:
        ``(...)`` integers to ``(..., dims)``.

    Raises:
        ValueError: the rank is below 1.
    """

    def __init__(self, embedding: nn.Embedding, rank: int = 8, alpha: float = 16.0) -> None:
        super().__init__()
        size, dims = embedding.weight.shape
        check_rank(rank)
        self.embedding = embedding
        self.scale = alpha / rank
        bound = 1 / math.sqrt(rank)
        self.lora_a = core.zeros((size, rank))
        self.lora_b = core.random.uniform(-bound, bound, (rank, dims))
        embedding.freeze()

    def __call__(self, tokens: array) -> array:
        """The vectors of tokens."""
        y = self.embedding(tokens)
        return y + (self.scale * (self.lora_a[tokens] @ self.lora_b)).astype(y.dtype)

    def as_linear(self, x: array) -> array:
        """Scores of all tokens, ``(..., dims)`` to ``(..., size)``, where the head is shared."""
        y = self.embedding.as_linear(x)
        return y + (self.scale * ((x @ self.lora_b.T) @ self.lora_a.T)).astype(y.dtype)

    def merged(self) -> nn.Embedding:
        """One table that says the same."""
        weight = self.embedding.weight
        table = nn.Embedding(*weight.shape)
        table.weight = (weight + self.scale * (self.lora_a @ self.lora_b)).astype(weight.dtype)
        return table


def check_rank(rank: int) -> None:
    """Whether a rank is one.

    Raises:
        ValueError: it is below 1.
    """
    if rank < 1:
        raise ValueError(f"[LoRA] The rank should be at least 1; it is {rank}.")


def adapt(
    model: Module,
    rank: int = 8,
    alpha: float = 16.0,
    dropout: float = 0.0,
    chosen: Callable[[str], bool] = lambda name: name.endswith(("q_proj", "v_proj", "c_attn")),
) -> list[str]:
    """Freeze a model, and put adapters around some of its linear layers.

    Args:
        model: changed in place.
        rank, alpha, dropout: as for :class:`LoRALinear`.
        chosen: which layers, by their path.

    Returns:
        The paths of the layers that were chosen.

    Raises:
        ValueError: none was.
    """
    model.freeze()
    layers = [
        (path, LoRALinear(layer, rank, alpha, dropout))
        for path, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and chosen(path)
    ]
    if not layers:
        raise ValueError("[adapt] No linear layer has a path that is chosen.")
    model.update_modules(tree_unflatten(layers))
    return [path for path, _ in layers]


def merge(model: Module) -> None:
    """Put plain layers in the place of all adapters. The model computes the same, and faster."""
    layers = [
        (path, layer.merged())
        for path, layer in model.named_modules()
        if isinstance(layer, (LoRALinear, LoRAEmbedding))
    ]
    model.update_modules(tree_unflatten(layers))
