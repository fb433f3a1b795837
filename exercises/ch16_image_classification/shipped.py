"""The student that came with the course: shown without training, and exported for other programs.

Its teacher had ten times the parameters; ``trained/provenance.toml`` says how both learned.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console

from tinymlx import core, nn
from tinymlx.core import array
from tinymlx.data import cifar10
from tinymlx.models import ResNet
from tinymlx.utils import tree_flatten

from . import drawing, evaluation, pictures_in, settings

WEIGHTS = Path(__file__).parent / "trained" / "student.safetensors"
#: Of the photographs that it was trained with (`pictures_in`: without near copies), from 0 to 1.
MEAN, DEVIATION = (0.4913, 0.4829, 0.4469), (0.2434, 0.2411, 0.2594)
#: Fitted on 500 photographs that were held out.
TEMPERATURE = 0.863


def student() -> ResNet:
    """The network with its weights, in evaluation mode."""
    model = settings.resnet(settings.FULL.student, len(cifar10.CLASSES))
    halves = core.load(str(WEIGHTS))
    model.load_weights([(name, w.astype(core.float32)) for name, w in halves.items()])
    model.eval()
    return model


def shown(out: Path, console: Console) -> dict[str, float]:
    """What it is worth on the test pictures; pictures and predictions go into ``out``.

    Raises:
        ValueError: the pictures have other classes than the photographs that it knows.
    """
    pictures = pictures_in.load(False, settings.FULL.side, console)
    if tuple(pictures.classes) != tuple(cifar10.CLASSES):
        raise ValueError("they tell photographs apart; fetch some with `tinymlx data cifar10`.")
    model = student()
    numbers, probabilities, _ = evaluation.judged(model, pictures)
    learned = tree_flatten(model.trainable_parameters())
    numbers["parameters"] = float(sum(w.size for _, w in learned))
    console.print(
        f"The student, {int(numbers['parameters']):,} parameters: {numbers['accuracy']:.1%} "
        f"({numbers['low']:.1%} to {numbers['high']:.1%}) of {len(pictures.test.y)} test pictures."
    )
    drawing.draw_confusion(out, pictures, probabilities, drawing.BOTH)
    drawing.draw_mistakes(out, pictures, probabilities, formats=drawing.BOTH)
    damaged = evaluation.hardened({"student": model}, pictures, 500)
    drawing.draw_corruptions(out, damaged, ["student"], drawing.BOTH)
    np.savez(out / "predictions.npz", probabilities=np.array(probabilities.tolist(), np.float32))
    return numbers


def exported() -> tuple[nn.Module, Callable[[array], array], tuple[int, ...], dict[str, str]]:
    """What ``tinymlx export 16`` writes.

    Returns:
        The model; a function from pictures, ``(N, 32, 32, 3)`` from 0 to 1, to logits whose softmax
        is calibrated; the shape of one picture; and what a program without Python has to be told.
    """
    model = student()
    mean, deviation = core.array(MEAN), core.array(DEVIATION)

    def logits(x: array) -> array:
        return model((x - mean) / deviation) / TEMPERATURE

    side = settings.FULL.side
    told = {"classes": ",".join(cifar10.CLASSES), "shape": f"{side},{side},3"}
    return model, logits, (side, side, 3), told
