"""What a Transformer does at each position by itself: gated layers, and a choice among experts."""

from __future__ import annotations

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.nn import Module


class SwiGLU(Module):
    r"""Two linear layers, the hidden features multiplied by gates.

    .. math:: y = W_d \, (\operatorname{silu}(W_g x) \odot W_u x)

    Args:
        dims: the features of input and output.
        hidden: the features between.

    Shape:
        ``(..., dims)`` to the same.

    Source: N. Shazeer, GLU Variants Improve Transformer (2020), https://arxiv.org/abs/2002.05202
    """

    def __init__(self, dims: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(dims, hidden, bias=False)
        self.up_proj = nn.Linear(dims, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, dims, bias=False)

    def __call__(self, x: array) -> array:
        """The features at each position."""
        raise NotImplementedError(
            "11.11 __call__ - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )


class MixtureOfExperts(Module):
    r"""Many feed-forward networks (:class:`SwiGLU`), of which each position uses a few.

    A router gives each expert a logit; the ``chosen`` experts with the greatest ones compute, and
    their results are added with weights, the softmax of their logits.

    Args:
        dims: the features of input and output.
        hidden: the features inside an expert.
        experts: how many there are.
        chosen: how many of them a position uses.

    Shape:
        ``(..., dims)`` to the same.

    Raises:
        ValueError: ``chosen`` is not from 1 to ``experts``.

    Source: N. Shazeer et al., Outrageously large neural networks (2017),
    https://arxiv.org/abs/1701.06538; the balance: W. Fedus et al., Switch Transformers (2021),
    section 2.2, https://arxiv.org/abs/2101.03961
    """

    def __init__(self, dims: int, hidden: int, experts: int, chosen: int = 2) -> None:
        super().__init__()
        if not 1 <= chosen <= experts:
            raise ValueError(
                f"[MixtureOfExperts] chosen should be from 1 to {experts}; it is {chosen}."
            )
        self.chosen = chosen
        self.router = nn.Linear(dims, experts, bias=False)
        inward, outward = dims**-0.5, hidden**-0.5
        self.gate_proj = core.random.uniform(-inward, inward, (experts, dims, hidden))
        self.up_proj = core.random.uniform(-inward, inward, (experts, dims, hidden))
        self.down_proj = core.random.uniform(-outward, outward, (experts, hidden, dims))

    def __call__(self, x: array) -> array:
        """The features at each position; only the experts that it chose compute for it, and memory
        is taken for these alone."""
        raise NotImplementedError(
            "11.15 __call__ - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def choose(self, logits: array) -> array:
        """The experts with the greatest logits: ``(..., experts)`` to ``(..., chosen)``."""
        raise NotImplementedError(
            "11.15 choose - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def balance(self, x: array) -> array:
        r"""How unevenly the experts are used: 1 if all are used alike, more otherwise.

        :math:`E \sum_e f_e P_e`, with the share :math:`f_e` of all choices that fell on expert
        :math:`e`, and the mean :math:`P_e` of its probability. The shares are counts and have no
        slope; a router that is told this lowers the probabilities of those used most.

        Args:
            x: ``(..., dims)``, what the experts are going to see.

        Returns:
            A scalar in the dtype of ``x``.
        """
        raise NotImplementedError(
            "11.15 balance - exercises/ch11_transformer/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )
