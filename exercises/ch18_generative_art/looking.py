"""A network that tells styles apart: its features are what style transfer looks with."""

import numpy as np

from tinymlx import core, nn
from tinymlx.art.features import FeatureNet, prepared, renamed
from tinymlx.core import array
from tinymlx.data import published

from .borrowed import Run, seeded, weights_count
from .material import Paintings, floats
from .settings import STYLES


class StyleClassifier(nn.Module):
    """The convolutions of a :class:`FeatureNet`, the mean over all places, a linear layer.

    Args:
        widths: of its groups.
        styles: how many there are.

    Shape: ``(N, H, W, 3)`` from 0 to 1 to ``(N, styles)``.
    """

    def __init__(self, widths: tuple[int, ...], styles: int = STYLES) -> None:
        super().__init__()
        self.trunk = FeatureNet(widths, [2] * len(widths))
        draw = nn.init.he_normal()  # there is no norm: each layer has to keep the size of its maps
        for name in self.trunk.layers():
            self.trunk[name].weight = draw(self.trunk[name].weight)
        self.linear = nn.Linear(widths[-1], styles)

    def features(self, x: array) -> array:
        """``(N, widths[-1])``."""
        last = self.trunk.layers()[-1]
        return core.mean(self.trunk(2 * x - 1, [last])[last], axis=(1, 2))

    def __call__(self, x: array) -> array:
        return self.linear(self.features(x))


def learned(run: Run, data: Paintings) -> tuple[StyleClassifier, float]:
    """The classifier after training, and its accuracy on paintings that it has not seen."""
    core.random.seed(1)
    setting = run.setting
    model, plan = StyleClassifier(setting.looker), setting.looking
    run.console.print(f"A classifier of styles with {weights_count(model):,} weights.")

    def loss(model: StyleClassifier, x: array, y: array) -> array:
        return nn.losses.cross_entropy(model(x), y, label_smoothing=0.05, reduction="mean")

    def batch(i: int) -> tuple[array, ...]:
        rng = np.random.default_rng([7, i])
        rows = rng.integers(0, len(data.y), plan.batch)
        x = floats(data.x[rows])
        x = x[:, :, ::-1] if i % 2 else x
        return core.array(np.ascontiguousarray(x)), core.array(data.y[rows])

    run.fit("looking", model, loss, batch, plan)
    right = predicted(model, floats(data.held)) == data.held_y
    return model, float(right.mean())


def predicted(model: StyleClassifier, x: np.ndarray) -> np.ndarray:
    """The most likely style of each picture."""
    found = []
    for start in range(0, len(x), 100):
        found += core.argmax(model(core.array(x[start : start + 100])), axis=1).tolist()
    return np.array(found, np.int32)


def eyes(run: Run, model: StyleClassifier) -> tuple[FeatureNet, list[str], str, bool, str]:
    """Who looks: the network, layers of style, the layer of content, whether pixels are to be
    prepared as published, and a name.

    VGG16's convolutions where the package is installed, otherwise the reader's own.
    """
    if run.setting.published:
        try:
            weights = published.hed_vgg16()
        except ValueError as error:
            run.console.print(f"{error} The classifier's own features are used.")
        else:
            net = FeatureNet()
            net.load_weights(renamed({name: core.array(w) for name, w in weights.items()}))
            layers = ["conv1_1", "conv2_1", "conv3_1", "conv4_1"]
            return net.freeze(), layers, "conv3_2", True, "VGG16"
    net = model.trunk
    layers = [name for name in net.layers() if name.endswith("_1")]
    return net.freeze(), layers, net.layers()[-1], False, "own features"


def ready(x: array, published_weights: bool) -> array:
    """Pixels as a network of :func:`eyes` expects them."""
    return prepared(x) if published_weights else 2 * x - 1


__all__ = ["StyleClassifier", "eyes", "learned", "predicted", "ready", "seeded"]
