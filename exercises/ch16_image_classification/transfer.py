"""What a network knows that has seen a million other photographs: frozen, with a new last layer.

EfficientNet-Lite0 with its published weights turns each picture into 1,280 numbers, once and for
all; a linear layer learns from those. Nothing else is trained, unless a GPU trains all of it.
"""

from pathlib import Path

import mlx.core as mx
import numpy as np
from rich.console import Console
from rich.progress import track

from tinymlx import core, nn
from tinymlx.classification.comparison import wilson
from tinymlx.core import array
from tinymlx.data import cifar10, published
from tinymlx.data.dataset import Dataset, Part
from tinymlx.models.efficientnet import EfficientNetLite, prepared, renamed
from tinymlx.optimizers import Adam, cosine_decay

from . import finetuning

SIDE = 128  # pixels; the network was trained with 224, and 32 are too few for its strides
STEPS, RATE, PENALTY = 200, 3e-3, 0.05  # 12,810 weights and 10,000 pictures: they must be held


def transfer(out: Path, console: Console, full: bool = False) -> dict[str, float]:
    """How many test pictures a network is right about that was made for others.

    Args:
        out: the folder; predictions are written there.
        full: train all of the network, for minutes on a GPU; otherwise a linear layer behind it.

    Raises:
        ValueError: the package with the weights is not installed.
    """
    weights = published.efficientnet_lite0()
    model = EfficientNetLite()
    model.load_weights(renamed({name: core.array(w) for name, w in weights.items()}))
    model.eval()
    data = cifar10.load_or_shapes(clutter=0.4)
    if full:
        side = finetuning.SIDE
        console.print(f"[bold]{data.source}[/], all of EfficientNet-Lite0 at {side} pixels.")
        finetuning.finetuned(model, data.train, data.test, len(data.classes), out)
        probabilities = finetuning.foretold(model, core.array(data.test.x))
        return judged(probabilities, data.test.y, "Trained as a whole", out, console)
    console.print(f"[bold]{data.source}[/], features of EfficientNet-Lite0 at {SIDE} pixels.")
    probabilities = from_features(model, data, out, console)
    return judged(probabilities, data.test.y, "Frozen, with a linear head", out, console)


def judged(
    probabilities: array, labels: np.ndarray, what: str, out: Path, console: Console
) -> dict[str, float]:
    """The accuracy and its interval, printed; the probabilities in a file for the board."""
    right = core.sum(core.argmax(probabilities, axis=-1) == core.array(labels)).item()
    low, high = wilson(int(right), len(labels))
    share = right / len(labels)
    console.print(f"{what}: {share:.1%} ({low:.1%} to {high:.1%}).")
    np.savez(out / "predictions.npz", probabilities=np.array(probabilities.tolist(), np.float32))
    return {"accuracy": share, "low": low, "high": high}


def from_features(model: EfficientNetLite, data: Dataset, out: Path, console: Console) -> array:
    """Probabilities of test pictures, by a linear layer on the features: ``(N, classes)``."""
    x, z = (
        seen(model, part, out / f"features-{name}.safetensors", console, name)
        for name, part in (("train", data.train), ("test", data.test))
    )
    x, z = core.sqrt(x), core.sqrt(z)  # they are at least 0, and a few are large
    mean, deviation = core.mean(x, axis=0), core.std(x, axis=0) + 1e-3
    x, z = (x - mean) / deviation, (z - mean) / deviation
    head = learned(x, core.array(data.train.y), len(data.classes))
    return core.softmax(head(z), axis=-1)


def seen(model: EfficientNetLite, part: Part, file: Path, console: Console, name: str) -> array:
    """The features of a part, from a file if an earlier run has written them."""
    if file.is_file():
        found = core.array(mx.load(str(file))["features"])
        if found.shape[0] == len(part.y):
            return found
    rows = []
    for start in track(range(0, len(part.y), 50), name, console=console, transient=True):
        pictures = finetuning.enlarged(core.array(part.x[start : start + 50]), SIDE)
        rows.append(model.features(prepared(pictures)))
        core.eval(rows[-1])
    found = core.concatenate(rows)
    core.save_safetensors(str(file), {"features": found})
    return found


def learned(x: array, y: array, classes: int) -> nn.Linear:
    """A linear layer by the cross entropy of all pictures at once, and a price of its weights."""
    core.random.seed(0)
    head = nn.Linear(x.shape[1], classes)
    optimizer = Adam(cosine_decay(RATE, STEPS))

    def loss(head: nn.Linear) -> array:
        price = PENALTY * core.sum(core.square(head.weight))
        return nn.losses.cross_entropy(head(x), y, reduction="mean") + price

    step = nn.value_and_grad(head, loss)
    for _ in range(STEPS):
        _, gradients = step(head)
        optimizer.update(head, gradients)
        core.eval(head.parameters(), optimizer.state)
    return head
