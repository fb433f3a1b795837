"""What the networks are worth: answers, temperatures, intervals, corruptions, attention."""

from collections.abc import Callable

import mlx.core as mx

from tinymlx import core, nn
from tinymlx.classification.comparison import mcnemar, wilson
from tinymlx.classification.explanation import occlusion, rollout
from tinymlx.classification.temperature import fitted_temperature, reliability
from tinymlx.core import array
from tinymlx.data.corruptions import CORRUPTIONS, corrupted
from tinymlx.models.vit import ViT
from tinymlx.nn import Module
from tinymlx.vision.averaging import mirrored

from .pictures_in import Pictures


def logits(model: Module, x: mx.array, size: int = 250) -> array:
    """Logits of many pictures, a few at a time."""
    parts = []
    for start in range(0, x.shape[0], size):
        parts.append(model(core.array(x[start : start + size])))
        core.eval(parts[-1])
    return core.concatenate(parts)


def both_sides(model: Module) -> Callable[[array], array]:
    """Logarithms of the mean probability of a picture and its mirror image."""

    def answer(x: array) -> array:
        first, second = (nn.softmax(model(view), axis=-1) for view in (x, mirrored(x)))
        return core.log(core.maximum((first + second) / 2, 1e-12))

    return answer


def judged(model: Module, pictures: Pictures) -> tuple[dict[str, float], array, array]:
    """Numbers of one network; its probabilities of the test pictures, and where it is right.

    The temperature is fitted on the held-out pictures: those that drew the curve.
    """
    answer = both_sides(model)
    held_out, tested = logits(answer, pictures.held_out.x), logits(answer, pictures.test.x)
    labels = core.array(pictures.test.y)
    temperature = fitted_temperature(held_out, core.array(pictures.held_out.y))
    raw, warm = nn.softmax(tested, axis=-1), nn.softmax(tested / temperature, axis=-1)
    right = core.argmax(raw, axis=-1) == labels
    count = int(core.sum(right).item())
    low, high = wilson(count, len(pictures.test.y))
    numbers = {
        "accuracy": count / len(pictures.test.y),
        "low": low,
        "high": high,
        "temperature": temperature,
        "calibration error": reliability(raw, labels).error.item(),
        "calibration error, tempered": reliability(warm, labels).error.item(),
    }
    return numbers, warm, right


def differences(right: dict[str, array]) -> dict[str, float]:
    """The p-value of each pair."""
    names = list(right)
    return {
        f"{a} and {b}": mcnemar(right[a], right[b])
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    }


def hardened(models: dict[str, Module], pictures: Pictures, count: int) -> dict[str, list[float]]:
    """Accuracy on `count` test pictures under each corruption at strengths 1, 3 and 5."""
    labels = core.array(pictures.test.y[:count])
    found: dict[str, list[float]] = {}
    for name in CORRUPTIONS:
        for strength in (1, 3, 5):
            x = corrupted(pictures.shown[:count], name, strength)
            x = (x - pictures.mean) / mx.maximum(pictures.deviation, 1e-3)
            row = []
            for model in models.values():
                right = core.argmax(logits(model, x), axis=-1) == labels
                row.append(core.mean(right.astype(core.float32)).item())
            found[f"{name}, {strength}"] = row
    return found


def looked(model: ViT, x: mx.array) -> array:
    """Where sequence pooling found what it used, ``(N, R, C)``: its weights, rolled out."""
    x = core.array(x)
    grid = model.config.grid
    mixed = rollout(model.attentions(x))
    weights = nn.softmax(model.pool.score(model.features(x)), axis=1)[..., 0]  # (N, T)
    return (weights[:, None] @ mixed)[:, 0].reshape(x.shape[0], grid, grid)


def missed(model: Module, x: mx.array, classes: array) -> array:
    """What a covered quarter takes away, ``(N, R, C)``."""
    side = x.shape[1] // 4
    return occlusion(model, core.array(x), classes, side, side // 2)
