"""What travels with a network: the numbers that its inputs and outputs are to be read by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tinymlx import core
from tinymlx.core import array

ORDERS = ("RGB", "BGR")
OUTPUTS = ("logits", "probabilities")


@dataclass(frozen=True)
class Contract:
    """What an app must know of a classifier of pictures.

    Attributes:
        mean, deviation: of each channel of the training pictures from 0 to 1, red first.
        order: ``"RGB"`` or ``"BGR"``, the order of the channels that the network wants.
        classes: names, in the order of the outputs.
        outputs: ``"logits"`` or ``"probabilities"``: whether a softmax is still to come.

    Raises:
        ValueError: an order or a kind of outputs that is none; a deviation that is not positive; a
            mean and a deviation of different lengths.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    order: str = "RGB"
    classes: tuple[str, ...] = ()
    outputs: str = "logits"

    def __post_init__(self) -> None:
        if self.order not in ORDERS or self.outputs not in OUTPUTS:
            raise ValueError(
                f"[Contract] The order is one of {ORDERS} and the outputs one of {OUTPUTS}; they "
                f"are {self.order!r} and {self.outputs!r}."
            )
        if len(self.mean) != len(self.deviation) or min(self.deviation, default=0) <= 0:
            raise ValueError(
                f"[Contract] There should be a mean and a positive deviation for each channel; "
                f"they are {self.mean} and {self.deviation}."
            )

    def prepared(self, pixels: array) -> array:
        """Pixels as the network wants them.

        Each is divided by 255, then normalized by the mean and the deviation of its own colour;
        where ``order`` is ``"BGR"``, blue comes first in the result.

        Args:
            pixels: ``(..., H, W, C)`` from 0 to 255, in any dtype, red first.

        Returns:
            The same shape, in float32.
        """
        raise NotImplementedError(
            "15.7 prepared - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def answers(self, outputs: array, count: int) -> list[tuple[str, float]]:
        """The most probable classes of one picture, the most probable one first.

        Args:
            outputs: of the network for one picture, ``(classes,)``; of what kind, ``self.outputs``
                says.
            count: how many answers; all, if there are not so many.

        Returns:
            Pairs of a name and its probability. Of two that are equally probable the one with the
            smaller index comes first.
        """
        raise NotImplementedError(
            "15.7 answers - exercises/ch15_deployment/lesson.md; "
            "until it is written, `import course.fill` before tinymlx lends you the solution"
        )

    def written(self) -> dict[str, str]:
        """As texts by name, as the metadata of a file have them."""
        return {"contract": json.dumps(asdict(self))}


def read(metadata: dict[str, str]) -> Contract:
    """What :meth:`Contract.written` wrote.

    Raises:
        ValueError: it is not there, or damaged.
    """
    try:
        found: dict[str, Any] = json.loads(metadata["contract"])
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in found.items()
        }
        return Contract(**fields)
    except (KeyError, TypeError) as error:
        raise ValueError("[Contract] The metadata have no contract, or a damaged one.") from error


def image_scaling(
    mean: Sequence[float], deviation: Sequence[float], order: str = "RGB"
) -> tuple[float, list[float], list[float]]:
    """A contract's normalization for Core ML, whose ``ImageType`` has one scale for all channels.

    Core ML hands the network ``scale * pixel + bias[c]``, with pixels from 0 to 255, one ``scale``
    and a ``bias`` for each channel. What a single scale cannot say, the first convolution has to:
    its weights for channel ``c`` are multiplied by ``factor[c]``, and nothing is added there (a
    convolution pads with zeros *behind* the normalization; a constant would not reach them). So
    for each pixel of channel ``c``

        ``(scale * pixel + bias[c]) * factor[c] == (pixel / 255 - mean[c]) / deviation[c]``.

    The scale is that of the mean of all deviations; so equal deviations have factors of 1.

    Args:
        mean, deviation: of each channel of pictures from 0 to 1, red first.
        order: in which the network wants the channels, ``"RGB"`` or ``"BGR"``.

    Returns:
        The scale; biases; factors. Lists are in the order ``order``.
    """
    raise NotImplementedError(
        "15.7 image_scaling - exercises/ch15_deployment/lesson.md; "
        "until it is written, `import course.fill` before tinymlx lends you the solution"
    )
