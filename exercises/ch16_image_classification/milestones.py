"""How the milestones of the brief are judged: by what the functions do."""

from collections.abc import Callable
from types import ModuleType

import numpy as np

from course.capstone import Milestone, Verdict


class Judge:
    """Collects one sentence for each thing that was looked at."""

    def __init__(self) -> None:
        self.passed, self.sentences, self.numbers = True, [], {}

    def ask(self, good: bool, yes: str, no: str) -> bool:
        """Note what was found."""
        self.passed = self.passed and bool(good)
        self.sentences.append(yes if good else no)
        return bool(good)

    def verdict(self) -> Verdict:
        return Verdict(self.passed, self.sentences, self.numbers)


def pictures(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rendered shapes and their classes."""
    from tinymlx.data import shapes

    data = shapes.load(count, 1, seed=seed)
    return np.array(data.train.x), np.array(data.train.y)


def with_copies(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shapes, of which the first forty are there once more: brighter, smaller and back, noisy."""
    x, y = pictures(count, seed)
    rng = np.random.default_rng(seed)
    brighter = np.clip(0.92 * x[:14] + 0.04, 0, 1)
    coarse = x[14:27].reshape(13, 16, 2, 16, 2, 3).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    noisy = np.clip(x[27:40] + rng.normal(0, 0.01, x[27:40].shape), 0, 1)
    x = np.concatenate([x, brighter, coarse, noisy]).astype(np.float32)
    names = np.concatenate([np.arange(count), np.arange(40)])
    order = rng.permutation(len(x))
    return x[order], np.concatenate([y, y[:40]])[order], names[order]


def judge_split(pipeline: ModuleType, quick: bool) -> Verdict:
    """No picture in both parts, nor a copy of it."""
    judge = Judge()
    x, y, names = with_copies(240 if quick else 900, seed=5)
    train, test = (np.asarray(part) for part in pipeline.split(x.copy(), y.copy(), 0.25, 7))
    whole = train.ndim == test.ndim == 1 and train.dtype.kind in "iu" and test.dtype.kind in "iu"
    whole = whole and sorted([*train.tolist(), *test.tolist()]) == list(range(len(x)))
    if not judge.ask(
        whole,
        "Every picture is in exactly one part.",
        "Some pictures are in both parts or in none: return two vectors of indices.",
    ):
        return judge.verdict()
    leaked = len(set(names[train].tolist()) & set(names[test].tolist()))
    judge.numbers["leaked"] = float(leaked)
    judge.ask(
        leaked == 0,
        "No copy of a held-out picture is trained on.",
        f"{leaked} pictures are trained on of which a copy is held out.",
    )
    shares = [float((y[test] == c).sum() / (y == c).sum()) for c in np.unique(y)]
    judge.ask(
        all(abs(s - 0.25) <= 0.06 for s in shares),
        "Every class is held out in proportion.",
        f"Of each class a quarter is to be held out: {min(shares):.0%} to {max(shares):.0%} are.",
    )
    again = np.asarray(pipeline.split(x, y, 0.25, 7)[1]).tolist()
    other = np.asarray(pipeline.split(x, y, 0.25, 8)[1]).tolist()
    judge.ask(
        again == test.tolist() and other != test.tolist(),
        "The seed decides.",
        "The same seed should give the same split, another one another.",
    )
    return judge.verdict()


def judge_scaled(pipeline: ModuleType, quick: bool) -> Verdict:
    """Statistics of the training part alone."""
    judge = Judge()
    x, _ = pictures(60, seed=1)
    x = x * np.array([0.3, 0.6, 0.9], np.float32)
    train, other = pipeline.scaled(x[:40].copy(), x[40:].copy())
    good = train.shape == (40, 32, 32, 3) and other.shape == (20, 32, 32, 3)
    good = good and train.dtype == other.dtype == np.float32
    if not judge.ask(
        good, "Shapes and float32 stay.", "Both should keep their shapes, in float32."
    ):
        return judge.verdict()
    means, deviations = train.mean((0, 1, 2)), train.std((0, 1, 2))
    judge.ask(
        abs(means).max() < 1e-3 and abs(deviations - 1).max() < 1e-3,
        "Each channel of the training part has mean 0 and deviation 1.",
        f"Channels have means {means.round(2)} and deviations {deviations.round(2)}.",
    )
    changed = x[40:].copy()
    changed[5:] = 1 - changed[5:]
    train_again, other_again = pipeline.scaled(x[:40].copy(), changed)
    judge.ask(
        np.array_equal(train, train_again) and np.array_equal(other[:5], other_again[:5]),
        "Other pictures change nothing: no test statistics leak.",
        "When some held-out pictures change, others come out differently: statistics leak.",
    )
    same = pipeline.scaled(x[:40].copy(), x[:40].copy())
    judge.ask(
        np.abs(same[0] - same[1]).max() < 1e-5,
        "Both parts are on one scale.",
        "The same picture comes out differently in the two parts.",
    )
    return judge.verdict()


def judge_changed(pipeline: ModuleType, quick: bool) -> Verdict:
    """Pictures that might also have been taken."""
    judge = Judge()
    x, _ = pictures(80, seed=2)
    before = x.copy()
    y = pipeline.changed(x, 3)
    good = isinstance(y, np.ndarray) and y.shape == x.shape and y.dtype == np.float32
    good = good and np.isfinite(y).all() and y.min() >= 0 and y.max() <= 1
    if not judge.ask(good, "Pictures stay pictures.", "Shape, float32 and 0 to 1 should stay."):
        return judge.verdict()
    judge.ask(np.array_equal(x, before), "The originals stay.", "The originals were overwritten.")
    differ = float(np.mean([not np.allclose(a, b, atol=1e-3) for a, b in zip(x, y)]))
    judge.numbers["changed"] = differ
    judge.ask(
        differ >= 0.4,
        f"{differ:.0%} of the pictures changed.",
        f"Only {differ:.0%} of the pictures changed.",
    )
    judge.ask(
        np.array_equal(pipeline.changed(x, 3), y) and not np.array_equal(pipeline.changed(x, 4), y),
        "The seed decides.",
        "The same seed should change pictures alike, another one otherwise.",
    )
    twins = pipeline.changed(np.repeat(x[:1], 40, axis=0), 5)
    ways = len({row.tobytes() for row in twins})
    judge.ask(
        ways >= 5,
        f"One picture forty times came out in {ways} ways.",
        f"One picture forty times came out in {ways} ways: draw for each picture.",
    )
    means, after = x.mean((1, 2)), y.mean((1, 2))
    alike = np.corrcoef((means - means.mean(0)).ravel(), (after - after.mean(0)).ravel())[0, 1]
    judge.ask(
        alike > 0.5,
        "A picture can be known again.",
        "Colours have next to nothing to do with the original: is it still the same class?",
    )
    return judge.verdict()


def judge_fitted(pipeline: ModuleType, quick: bool) -> Verdict:
    """A classifier that has learned, and looks at one picture at a time."""
    from tinymlx.data import shapes

    judge = Judge()
    rng = np.random.default_rng(0)

    def part(count: int) -> tuple[np.ndarray, np.ndarray]:
        y = rng.integers(0, 3, count)
        large = [thing for thing in shapes.things() if thing.size == "large"]
        kinds = ("triangle", "cross", "ring")
        some = [[thing for thing in large if thing.shape == kind] for kind in kinds]
        scenes = [some[c][rng.integers(0, len(some[c]))] for c in y]
        x = np.stack([shapes.render(shapes.Scene((thing,)), rng) for thing in scenes])
        x = x.reshape(count, 16, 2, 16, 2, 3).mean((2, 4))
        return np.clip(x + rng.normal(0, 0.03, x.shape), 0, 1).astype(np.float32), y

    count, seconds = (1000, 60.0) if quick else (3000, 60.0)
    (x, y), (test, truth) = part(count), part(300)
    predict = pipeline.fitted(x, y.astype(np.int32), 3, seconds)
    p = np.asarray(predict(test))
    good = p.shape == (300, 3) and np.isfinite(p).all() and (p >= 0).all()
    good = good and bool(abs(p.sum(1) - 1).max() < 1e-3)
    if not judge.ask(good, "Rows are probabilities.", "Rows should be probabilities, (N, 3)."):
        return judge.verdict()
    accuracy = float((p.argmax(1) == truth).mean())
    judge.numbers["accuracy"] = accuracy
    least = 0.6 if quick else 0.85
    judge.ask(
        accuracy >= least,
        f"{accuracy:.0%} of new pictures are right.",
        f"{accuracy:.0%} of new pictures are right; {least:.0%} are asked for, a third is chance.",
    )
    alone = np.concatenate([np.asarray(predict(test[i : i + 1])) for i in range(8)])
    judge.ask(
        np.abs(alone - p[:8]).max() < 1e-3,
        "A picture's answer depends on that picture alone.",
        "A picture alone gets another answer than among others: is the model in evaluation mode?",
    )
    judge.ask(
        np.array_equal(np.asarray(predict(test)), p),
        "The same pictures get the same answers.",
        "The same pictures get other answers the second time.",
    )
    return judge.verdict()


def judge_temperature(pipeline: ModuleType, quick: bool) -> Verdict:
    """Logits whose right temperature is known."""
    judge = Judge()
    rng = np.random.default_rng(4)
    true = 1.5 * rng.normal(size=(4000, 5))
    labels = (true + rng.gumbel(size=true.shape)).argmax(1).astype(np.int32)
    for factor in (0.4, 1.0, 4.0):
        logits = (factor * true + 50).astype(np.float32)
        found = float(pipeline.temperature(logits.copy(), labels.copy()))
        judge.numbers[f"made {factor} times too large"] = found
        # The estimate from 4000 draws has a deviation of about 2 %; five of them.
        judge.ask(
            abs(found / factor - 1) < 0.1,
            f"Logits {factor} times too large: temperature {found:.2f}.",
            f"Logits {factor} times too large have the temperature {factor}; yours is {found:.3g}.",
        )
    return judge.verdict()


def judge_comparison(pipeline: ModuleType, quick: bool) -> Verdict:
    """Against SciPy."""
    from scipy.stats import binomtest

    judge = Judge()
    rng = np.random.default_rng(6)
    for n, a, b in ((400, 0.8, 0.7), (60, 0.9, 0.88), (2000, 0.83, 0.83)):
        first, second = rng.uniform(size=n) < a, rng.uniform(size=n) < b
        found = pipeline.comparison(first.copy(), second.copy())
        one, other = int((first & ~second).sum()), int((second & ~first).sum())
        p = binomtest(one, one + other, 0.5).pvalue
        near = binomtest(int(first.sum()), n).proportion_ci(0.95, method="wilson")
        wanted = {
            "difference": first.mean() - second.mean(),
            "p": p,
            "low": near.low,
            "high": near.high,
        }
        if not judge.ask(
            set(wanted) <= set(found),
            f"{n} pictures: all four numbers are there.",
            f"These numbers are missing: {sorted(set(wanted) - set(found))}.",
        ):
            return judge.verdict()
        # Any interval and test that is used for shares is near enough; which one is up to you.
        room = {"difference": 1e-6, "p": 0.05, "low": 0.03, "high": 0.03}
        for name, value in wanted.items():
            judge.ask(
                abs(found[name] - value) <= room[name],
                f"{n} pictures: {name} is {found[name]:.3f}.",
                f"{n} pictures: {name} is {found[name]:.3f}, expected about {value:.3f}.",
            )
    return judge.verdict()


JUDGES: tuple[tuple[str, str, Callable[[ModuleType, bool], Verdict]], ...] = (
    ("No picture in both parts", "split", judge_split),
    ("One scale, from the training part alone", "scaled", judge_scaled),
    ("Pictures that might have been taken", "changed", judge_changed),
    ("A classifier that has learned", "fitted", judge_fitted),
    ("As sure as it should be", "temperature", judge_temperature),
    ("A difference with its doubts", "comparison", judge_comparison),
)
MILESTONES = tuple(
    Milestone(i, title, (name,), judge) for i, (title, name, judge) in enumerate(JUDGES, start=1)
)
