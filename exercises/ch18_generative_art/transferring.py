"""A photograph in a style: by a search for each picture, and by a network in one pass."""

import time
from pathlib import Path

import numpy as np

from tinymlx import core
from tinymlx.art.colour import with_colours_of
from tinymlx.art.fast import TransformerNet, painting_loss
from tinymlx.art.features import FeatureNet
from tinymlx.art.gram import gram_matrix, relative_error, style_loss, total_variation
from tinymlx.art.lbfgs import minimize
from tinymlx.core import array
from tinymlx.data.paintings import STYLES, paint

from .borrowed import Numbers, Run
from .looking import StyleClassifier, eyes, ready
from .material import Paintings, floats, picture

CONTENT, SMOOTH = 0.05, 0.5


def styles_of(net: FeatureNet, layers: list[str], picture: np.ndarray, known: bool) -> list[array]:
    """The Gram matrices of one picture."""
    maps = net(ready(core.array(picture[None]), known), layers)
    found = [core.stop_gradient(gram_matrix(maps[name])) for name in layers]
    core.eval(found)
    return found


def searched(
    run: Run, look: tuple, photo: np.ndarray, style: np.ndarray
) -> tuple[np.ndarray, float]:
    """The photograph in the style of a picture, and what is left of the style loss, as a share."""
    net, layers, content_layer, known, _ = look
    wanted = styles_of(net, layers, style, known)
    start = core.array(photo[None])
    told = core.stop_gradient(net(ready(start, known), [content_layer])[content_layer])
    core.eval(told)  # a compiled function must not find it half computed
    names = list(dict.fromkeys([*layers, content_layer]))

    def style_of(maps: dict[str, array]) -> array:
        return style_loss([maps[name] for name in layers], wanted)

    def cost(x: array) -> array:
        maps = net(ready(x, known), names)
        content = relative_error(maps[content_layer], told)
        return style_of(maps) + CONTENT * content + SMOOTH * total_variation(x)

    both = core.value_and_grad(cost)

    def asked(x: array) -> tuple[array, array]:
        value, slope = both(x)
        core.eval(value, slope)
        return value, slope

    before = style_of(net(ready(start, known), layers)).item()
    found = minimize(asked, start, run.setting.evaluations, 12, 0.0)
    y = core.clip(found.x, 0, 1)
    after = style_of(net(ready(y, known), layers)).item()
    return np.array(y[0].tolist(), np.float32), after / before


def transfer(run: Run, model: StyleClassifier) -> tuple[Numbers, dict[str, np.ndarray]]:
    """Every style that the setting asks for; colours kept for each as well.

    Returns:
        Numbers, and pictures by name.
    """
    setting, look = run.setting, eyes(run, model)
    photo, source = picture(setting.transfer_side, setting.name == "quick")
    run.console.print(
        f"Style transfer of {source} with {look[4]}, {setting.evaluations} questions."
    )
    pictures, numbers = {"photo": photo}, {}
    for name in setting.transfer_styles:
        kept = run.out / f"transferred-{setting.name}-{name}-{setting.transfer_side}.npz"
        start = time.perf_counter()
        if kept.is_file():
            with np.load(kept) as file:
                y, left = file["y"], float(file["left"])
        else:
            y, left = searched(run, look, photo, paint(name, 11, setting.transfer_side))
            np.savez(kept, y=y, left=np.float64(left))
        run.files.append(kept)
        pictures[name] = y
        coloured = with_colours_of(core.array(y[None]), core.array(photo[None]))[0]
        pictures[f"{name}, own colours"] = np.array(coloured.tolist(), np.float32)
        seconds = time.perf_counter() - start
        run.console.print(f"{name}: {left:.1%} of the style loss is left, {seconds:.0f} s")
        numbers |= run.measured("transfer", f"style loss left, {name}", left, "<= 0.1")
    return numbers, pictures


def painter(
    run: Run, model: StyleClassifier, data: Paintings
) -> tuple[Numbers, dict[str, np.ndarray]]:
    """One network for all nine styles, trained on paintings and the photograph as contents."""
    setting, net = run.setting, model.trunk
    width, blocks, plan = setting.painter
    large, _ = picture(setting.transfer_side, setting.name == "quick")
    side = min(64, setting.transfer_side)
    layers = [name for name in net.layers() if name.endswith("_1")]
    rows = [styles_of(net, layers, paint(name, 11, large.shape[0]), False) for name in STYLES]
    targets = [core.stack([row[i][0] for row in rows]) for i in range(len(layers))]
    core.random.seed(2)
    network = TransformerNet(len(STYLES), width, blocks)
    scaled = Scaled(net)

    def loss(network: TransformerNet, x: array, styles: array) -> array:
        shown = layers[1]  # deep enough to leave the strokes open, not so deep that colours go
        return painting_loss(network, scaled, x, styles, targets, layers, shown, 0.3, 0.1)

    def batch(i: int) -> tuple[array, ...]:
        rng = np.random.default_rng([3, i])
        corners = rng.integers(0, large.shape[0] - side + 1, (plan.batch, 2))
        x = np.stack([large[a : a + side, b : b + side] for a, b in corners])
        if i % 2:
            x = x[:, :, ::-1].copy()
        if data.x.shape[1] == side:
            some = rng.integers(0, len(data.x), plan.batch)
            x[::2] = floats(data.x[some[::2]])
        return core.array(x), core.array(rng.integers(0, len(STYLES), plan.batch).astype(np.int32))

    first = loss(network, *batch(-1 % 2**31)).item()
    run.fit("painter", network, loss, batch, plan)
    numbers = run.measured("painter", "loss at first", first)
    numbers |= run.measured("painter", "loss in the end", loss(network, *batch(-1 % 2**31)).item())
    wanted = [*setting.transfer_styles, *(s for s in STYLES if s not in setting.transfer_styles)]
    pictures = {}
    for name in wanted[:6]:
        styles = core.array([list(STYLES).index(name)])
        pictures[name] = np.array(network(core.array(large[None]), styles)[0].tolist(), np.float32)
    return numbers, pictures


class Scaled:
    """A network of features that wants -1 to 1, asked with 0 to 1."""

    def __init__(self, net: FeatureNet) -> None:
        self.net = net

    def __call__(self, x: array, layers: list[str]) -> dict[str, array]:
        return self.net(2 * x - 1, layers)


def write(out: Path, name: str, x: np.ndarray) -> None:
    """A picture file of its own, pixel by pixel."""
    from matplotlib import image

    image.imsave(out / f"{name}.png", (255 * np.clip(x, 0, 1) + 0.5).astype(np.uint8))
