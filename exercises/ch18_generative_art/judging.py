"""How good what was made is: the style asked for, as diverse as the data, and no copies."""

import mlx.core as mx
import numpy as np

from tinymlx import core
from tinymlx.art.novelty import copied, diversity, vendi_score
from tinymlx.classification.comparison import wilson
from tinymlx.core import array
from tinymlx.data.paintings import STYLES
from tinymlx.data.style_judge import StyleVerdict, judge_styles
from tinymlx.generative.coverage import class_shares
from tinymlx.generative.frechet import frechet_ratio

from .borrowed import Numbers, Run
from .looking import StyleClassifier, predicted
from .material import Paintings, floats


def judge(x: np.ndarray) -> StyleVerdict:
    """What the frozen judge says of pictures from 0 to 1."""
    return judge_styles(mx.array(np.ascontiguousarray(x, np.float32)))


def as_features(x: np.ndarray) -> array:
    """The judge's 64 features of each picture."""
    return core.array(judge(x).features)


def spread_within(features: array, styles: np.ndarray) -> float:
    """The mean over the styles of the mean distance of two pictures in one style."""
    means = []
    for style in range(len(STYLES)):
        rows = np.flatnonzero(styles == style)
        if len(rows) >= 3:
            means.append(diversity(features[core.array(rows.astype(np.int32))]).mean)
    return float(np.mean(means)) if means else 0.0


def agreement(
    run: Run, part: str, x: np.ndarray, styles: np.ndarray, model: StyleClassifier | None
) -> Numbers:
    """How many pictures are in the style asked for, by the judge and by our own classifier."""
    right = np.array(judge(x).styles) == styles
    low, high = wilson(int(right.sum()), len(right))
    run.console.print(f"{part}: {right.mean():.1%} as asked ({low:.1%} to {high:.1%})")
    numbers = run.measured(part, "in the style asked for", float(right.mean()), ">= 0.95")
    numbers |= run.measured(part, "in the style, low", low)
    numbers |= run.measured(part, "in the style, high", high)
    if model is not None:
        own = float((predicted(model, x) == styles).mean())
        numbers |= run.measured(part, "by our own classifier", own, ">= 0.95")
    return numbers


def quality(run: Run, part: str, x: np.ndarray, styles: np.ndarray, data: Paintings) -> Numbers:
    """Frechet ratio, diversity beside that of the data, copies."""
    count = min(len(x), len(data.held))
    made, real = as_features(x), as_features(floats(data.held))
    other, known = as_features(floats(data.other)), as_features(floats(data.x))
    ratio = frechet_ratio(made, real, other).item()
    mine, theirs = diversity(made), diversity(real[:count])
    within = spread_within(made, styles) / max(spread_within(real, data.held_y), 1e-9)
    share = copied(made, known, other)
    effective = vendi_score(made[:500]).item() / vendi_score(real[: min(count, 500)]).item()
    run.console.print(
        f"{part}: Frechet ratio {ratio:.1f}, diversity {mine.mean / theirs.mean:.2f} of the "
        f"data's, {within:.2f} within styles, copies {share.share:.1%} "
        f"({share.low:.1%} to {share.high:.1%})"
    )
    return {
        **run.measured(part, "Frechet ratio", ratio),
        **run.measured(part, "diversity / that of the data", mine.mean / theirs.mean, ">= 0.9"),
        **run.measured(part, "diversity, low", mine.low / theirs.mean),
        **run.measured(part, "diversity, high", mine.high / theirs.mean),
        **run.measured(part, "diversity within styles / data", within, ">= 0.9"),
        **run.measured(part, "Vendi score / that of the data", effective),
        **run.measured(part, "copies", share.share, "about 0.05"),
        **run.measured(part, "copies, high", share.high),
    }


def covered(run: Run, part: str, x: np.ndarray) -> tuple[Numbers, np.ndarray]:
    """How many styles a network makes that is not told any, and which each picture is in."""
    styles = np.array(judge(x).styles)
    shares = class_shares(core.array(styles), len(STYLES)).tolist()
    found = float(sum(share >= 0.03 for share in shares))
    return run.measured(part, "styles that it makes", found, "9"), styles
