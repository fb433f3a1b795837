"""How the milestones of the brief are judged: by what the functions do."""

from types import ModuleType

import numpy as np

from course.capstone import Milestone, Verdict

from .milestone_worlds import Judge, cut_world, cuttings, parsed, stripes


def judge_gram(pipeline: ModuleType, quick: bool) -> Verdict:
    """Means of products, also in half precision and for any size."""
    judge, rng = Judge(), np.random.default_rng(1)
    maps = rng.normal(size=(2, 9, 7, 5)).astype(np.float32)
    found = np.asarray(pipeline.gram(maps.copy()))
    if not judge.ask(
        found.shape == (2, 5, 5) and found.dtype == np.float32,
        "There is a matrix for each picture, float32.",
        f"Two pictures with five channels should give (2, 5, 5) float32, not {found.shape} "
        f"{found.dtype}.",
    ):
        return judge.verdict()
    expected = np.einsum("nhwc,nhwd->ncd", maps.astype(np.float64), maps) / 63
    off = float(abs(found - expected).max())
    judge.numbers["off"] = off
    judge.ask(
        off < 1e-4,
        "It is the mean over the places of the products of two channels.",
        f"Some entry differs by {off:.3g} from the mean over places of the products.",
    )
    twice = np.asarray(pipeline.gram(np.tile(maps, (1, 2, 2, 1))))
    judge.ask(
        bool(np.allclose(twice, found, atol=1e-4)),
        "A picture four times as large has the same matrix.",
        "A picture laid out twice in both directions should have the same matrix.",
    )
    large = np.full((1, 64, 64, 2), 20, np.float16)
    found = np.asarray(pipeline.gram(large))
    judge.ask(
        bool(np.allclose(found, 400, rtol=1e-3)),
        "Sums beyond float16 are right.",
        f"Maps of 20 everywhere, in float16, should give 400; they give {found.ravel()[:2]}.",
    )
    return judge.verdict()


def judge_style(pipeline: ModuleType, quick: bool) -> Verdict:
    """Place does not matter, texture does."""
    judge, rng = Judge(), np.random.default_rng(2)
    parts = cuttings(quick)
    first = parts[0][1]
    zero, numbers = pipeline.style_distance(first.copy(), first.copy()), []
    if not judge.ask(
        isinstance(zero, (int, float, np.floating)) and abs(float(zero)) < 1e-3,
        "A picture is at distance 0 from itself.",
        f"A picture should be at distance 0 from itself; it is {zero!r}.",
    ):
        return judge.verdict()
    place, texture, moved = 0, 0, 0
    for i, (_, x, other) in enumerate(parts):
        shuffled = rng.permutation(x.reshape(-1, 3)).reshape(x.shape)
        strange = parts[(i + 1) % len(parts)][1]
        near = float(pipeline.style_distance(x, other))
        numbers.append(near)
        moved += float(pipeline.style_distance(x, np.roll(x, (20, 27), (0, 1)))) < near
        place += near < float(pipeline.style_distance(x, strange))
        texture += near < float(pipeline.style_distance(x, shuffled))
    count = len(parts)
    judge.numbers |= {"another style": place / count, "without texture": texture / count}
    good = bool(np.isfinite(numbers).all()) and min(numbers) > 0
    judge.ask(
        good,
        "Distances are finite, and different pictures are not at distance 0.",
        "Two different parts of a painting should be at a finite distance above 0.",
    )
    judge.ask(
        place >= 0.8 * count,
        f"Another part of a painting is nearer than another style in {place} of {count} cases.",
        f"Another part of the same painting is nearer than another style in only {place} of "
        f"{count} cases: does it matter where something is?",
    )
    judge.ask(
        texture >= 0.8 * count,
        f"It is nearer than the same pixels in disorder in {texture} of {count} cases.",
        f"Another part of a painting is nearer than its own pixels in disorder in only {texture} "
        f"of {count} cases: colours alone are no style, texture is missing.",
    )
    judge.ask(
        moved >= 0.8 * count,
        f"A picture that was moved is nearer still in {moved} of {count} cases.",
        f"A picture moved around its edges should be very near; it was in only {moved} of {count} "
        "cases: does the place matter?",
    )
    return judge.verdict()


WEIGHTS = np.array([0.299, 0.587, 0.114])


def judge_colours(pipeline: ModuleType, quick: bool) -> Verdict:
    """Luminance of one, colours of the other."""
    from tinymlx.data.paintings import paint

    judge = Judge()
    x = (0.35 + 0.3 * paint("waves", 5, 48)).astype(np.float32)
    colours = (0.35 + 0.3 * paint("glass", 6, 48)).astype(np.float32)
    y = pipeline.in_colours_of(x.copy(), colours.copy())
    if not judge.picture(y, x.shape, "in_colours_of"):
        return judge.verdict()
    y = np.asarray(y, np.float64)
    light = float(abs(y @ WEIGHTS - x @ WEIGHTS).max())
    hue = float(abs((y - y[..., 1:2]) - (colours - colours[..., 1:2])).max())
    judge.numbers |= {"luminance off": light, "colour off": hue}
    judge.ask(
        light < 0.02,
        "Light and dark are those of the first picture.",
        f"The luminance is off by up to {light:.3f} from that of the first picture.",
    )
    judge.ask(
        hue < 0.02,
        "The differences between red, green and blue are those of the second one.",
        f"The colours (differences of channels) are off by up to {hue:.3f} from the second's.",
    )
    white = np.ones_like(x)
    judge.picture(pipeline.in_colours_of(white, colours), x.shape, "in_colours_of, for white,")
    return judge.verdict()


def judge_fitted(pipeline: ModuleType, quick: bool) -> Verdict:
    """Right about new paintings, and honest about it."""
    judge = Judge()
    seconds, count = (1.5, 36) if quick else (30.0, 120)
    x, y, groups = cut_world(count, 5, 0, False)
    predict, promised = pipeline.fitted(x.copy(), y.copy(), groups.copy(), 3, seconds)
    new, truth, _ = cut_world(60, 1, 1, False)
    found = np.asarray(predict(new))
    if not judge.ask(
        found.shape == truth.shape and found.dtype.kind in "iu" and 0 <= float(promised) <= 1,
        "There is a style for each picture, and a promise from 0 to 1.",
        f"{len(new)} pictures should get {truth.shape} integers and a promise from 0 to 1; there "
        f"are {found.shape}, {found.dtype} and {promised!r}.",
    ):
        return judge.verdict()
    right, least = float((found == truth).mean()), 0.6 if quick else 0.85
    judge.numbers |= {"right": right, "promised": float(promised)}
    judge.ask(
        right >= least,
        f"{right:.0%} of new paintings are right.",
        f"{right:.0%} of new paintings are right; {least:.0%} are to be. A third is chance.",
    )
    again = np.concatenate([np.asarray(predict(new[i : i + 1])) for i in range(6)])
    judge.ask(
        bool((again == found[:6]).all()),
        "A picture alone gets the same answer as among others.",
        "A picture alone should get the same answer as among others: is the network in evaluation?",
    )
    x, y, groups = cut_world(60, 4, 2, True)
    _, promised = pipeline.fitted(x, y, groups, 3, seconds)
    judge.numbers["promised for chance"] = float(promised)
    judge.ask(
        float(promised) < 0.67,
        f"Where styles were drawn by lot, {float(promised):.0%} is promised: nothing leaks.",
        f"Where styles were drawn by lot, {float(promised):.0%} is promised for new paintings. A "
        "third is all there is: cuttings of one painting are learned from and tested on, a leak.",
    )
    return judge.verdict()


def judge_generated(pipeline: ModuleType, quick: bool) -> Verdict:
    """In the style asked for, different, and no copies."""
    judge = Judge()
    x, y = stripes(240 if quick else 600, 0)
    other, _ = stripes(150, 1)
    wanted = np.random.default_rng(3).integers(0, 3, 90)
    made = pipeline.generated(x.copy(), y.copy(), wanted.copy(), 10.0 if quick else 60.0)
    if not judge.picture(made, (90, 16, 16, 3), "generated"):
        return judge.verdict()
    made = np.asarray(made, np.float64)
    right = float((parsed(made) == wanted).mean())
    rows, known, others = (a.reshape(len(a), -1).astype(np.float64) for a in (made, x, other))

    def nearest(a: np.ndarray) -> np.ndarray:
        squares = (a * a).sum(1)[:, None] - 2 * a @ known.T + (known * known).sum(1)
        return np.sqrt(np.maximum(squares, 0).min(1))

    def spread(a: np.ndarray) -> float:
        squares = (a * a).sum(1)[:, None] - 2 * a @ a.T + (a * a).sum(1)
        return float(np.sqrt(np.maximum(squares, 0)).sum() / (len(a) * (len(a) - 1)))

    limit = np.quantile(nearest(others), 0.05)
    copies, diverse = (
        float((nearest(rows) < limit).mean()),
        np.mean(
            [spread(rows[wanted == s]) / spread(others[np.arange(150) % 3 == s]) for s in range(3)]
        ),
    )
    judge.numbers |= {"in style": right, "copies": copies, "diversity": diverse}
    judge.ask(
        right >= 0.6,
        f"{right:.0%} are in the style that was asked for.",
        f"{right:.0%} are in the style that was asked for; 60 % are to be. A third is chance.",
    )
    judge.ask(
        copies <= 0.25,
        f"{copies:.0%} are as near to a known picture as one in twenty new ones is: no copies.",
        f"{copies:.0%} are nearer to a known picture than nearly all new ones are: copies.",
    )
    judge.ask(
        diverse >= 0.7,
        f"Those of a style differ from each other {diverse:.2f} times as much as real ones.",
        f"Those of a style differ from each other only {diverse:.2f} times as much as real ones "
        "do; 0.7 is asked.",
    )
    return judge.verdict()


def judge_tile(pipeline: ModuleType, quick: bool) -> Verdict:
    """It continues, and is still the picture."""
    judge, rng = Judge(), np.random.default_rng(4)
    n, m = 40, 57
    slant = (np.arange(n)[:, None] / n + np.arange(m) / m)[..., None] / 2 * np.ones(3)
    slant = (0.1 + 0.8 * slant).astype(np.float32)
    y = pipeline.tile(slant.copy())
    if not judge.picture(y, slant.shape, "tile"):
        return judge.verdict()
    y = np.asarray(y, np.float64)
    jump = max(float(abs(y - np.roll(y, 1, axis)).max()) for axis in (0, 1))
    judge.numbers["largest step"] = jump
    judge.ask(
        jump < 0.16,
        f"On a slanted plane no two neighbours differ by more than {jump:.2f}, nor across edges.",
        f"On a slanted plane two neighbours differ by {jump:.2f}, perhaps across an edge: a seam.",
    )
    noise = rng.uniform(0, 1, (120, 48, 48, 1)).repeat(3, -1).astype(np.float32)
    tiles = np.stack([np.asarray(pipeline.tile(x)) for x in noise[: 40 if quick else 120]])
    least = float(min(np.sqrt(tiles.var((0, axis, 3))).min() for axis in (1, 2)) / noise.std())
    judge.numbers["contrast"] = least
    judge.ask(
        least >= 0.8,
        f"At least {least:.2f} of the contrast of noise is left everywhere.",
        f"Somewhere only {least:.2f} of the contrast is left: two halves that were mixed blur.",
    )
    same = float(abs(tiles[:, 22:26, 22:26] - noise[: len(tiles), 22:26, 22:26]).mean())
    judge.ask(
        same < 0.05,
        "The middle of the picture is what it was.",
        f"The middle of the picture has changed by {same:.2f} on average: it is another picture.",
    )
    return judge.verdict()


MILESTONES = (
    Milestone(1, "What a style is, in numbers", ("gram",), judge_gram),
    Milestone(2, "Texture, wherever it is", ("style_distance",), judge_style),
    Milestone(3, "In its own colours", ("in_colours_of",), judge_colours),
    Milestone(4, "A judge that does not cheat", ("fitted",), judge_fitted),
    Milestone(5, "What was asked for, and no copies", ("generated",), judge_generated),
    Milestone(6, "A picture without end", ("tile",), judge_tile),
)
