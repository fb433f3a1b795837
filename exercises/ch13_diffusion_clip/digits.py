"""Digits on demand: flow matching with a U-Net, guidance, and the frozen judge.

What is made is judged with the code of chapter 9, so that its table can be laid beside: there the
best generator that drew what it liked had a Frechet ratio of 2.39, the one that could be asked 0.90
and 98.6 % as asked.
"""

from dataclasses import replace

import mlx.core as mx

from tinymlx import core, plotting
from tinymlx.core import array
from tinymlx.core.arrays import bare
from tinymlx.data import digits as small_digits
from tinymlx.data import mnist
from tinymlx.data.dataset import Dataset
from tinymlx.data.judge import judge
from tinymlx.diffusion.flow import euler, flow_times
from tinymlx.generative.frechet import frechet_ratio
from tinymlx.generative.neighbours import nearest
from tinymlx.nn import Module

from .networks import Denoiser, Labels, asked, matching_loss
from .runs import Batch, Numbers, Run, in_pieces, seeded, weights_count
from .weights import read

NOTHING = 10


def network(run: Run, data: Dataset) -> Denoiser:
    """The U-Net. Digits of 8 x 8 are too small for large patches."""
    sizes, side = run.setting.digits_net, data.train.x.shape[1]
    patch = sizes.patch if side > 8 else 1
    core.random.seed(0)
    config = replace(sizes, patch=patch).config(1)
    return Denoiser(config, Labels(10, sizes.context), patch)


def learned(run: Run, data: Dataset) -> Denoiser:
    """The network after training."""
    model, plan = network(run, data), run.setting.digits
    run.console.print(f"[bold]{data.source}[/]: a U-Net of {weights_count(model):,} weights.")
    x, y = core.array(data.train.x) * 2 - 1, core.array(data.train.y)
    nothing = core.array(NOTHING)

    def loss(model: Module, x: array, labels: array) -> array:
        return matching_loss(model, x, labels, nothing)

    def batch(i: int) -> Batch:
        chosen = core.random.randint(0, x.shape[0], (plan.batch,), key=seeded(i))
        return x[chosen], y[chosen]

    run.fit("digits", model, loss, batch, plan)
    return model


def made(model: Denoiser, shape: tuple[int, ...], scale: float, calls: int) -> array:
    """Every digit in turn, from 0 to 1."""
    noise = core.random.normal(shape, key=seeded(3))
    labels = core.arange(shape[0]) % 10
    nothing = core.array(NOTHING)

    def some(start: int, stop: int) -> array:
        velocity = asked(model, labels[start:stop], nothing, scale)
        return euler(velocity, noise[start:stop], flow_times(calls))

    return core.clip(in_pieces(some, shape[0]) / 2 + 0.5, 0, 1)


def digits(run: Run, trained: bool = False) -> Numbers:
    """Train, or read what was trained, and judge at several scales of guidance.

    Raises:
        ValueError: what was trained draws digits of another size.
    """
    data = small_digits.load() if run.setting.name == "quick" else mnist.load_or_digits()
    if trained and data.train.x.shape[1] != 28:
        raise ValueError(
            "they draw digits of 28 x 28 pixels; fetch some with `tinymlx data mnist`."
        )
    model = read("digits", network(run, data)) if trained else learned(run, data)
    count, side = run.setting.judged, data.train.x.shape[1]
    real = core.array(judge(data.test.x).features)
    order = mx.random.permutation(len(data.train.x), key=seeded(2))[: len(data.test.x)]
    other = core.array(judge(data.train.x[order]).features)
    table, scale, calls = {}, run.setting.guidance, min(20, 2 * run.setting.calls)
    for w in sorted({*run.setting.scales, scale}):
        x = made(model, (count, side, side, 1), w, calls)
        verdict = judge(bare(x))
        right = mx.mean(verdict.digits == mx.arange(count) % 10).item()
        table[w] = right, frechet_ratio(core.array(verdict.features), real, other).item()
        run.console.print(f"guidance {w}: {right:.1%} as asked, Frechet ratio {table[w][1]:.2f}")
        if w == scale:
            draw_grid(run, x)
            far = draw_neighbours(run, x, data)
    draw_scales(run, table)
    return {
        **run.measured("digits", f"as asked, guidance {scale}", table[scale][0], ">= 0.98"),
        **run.measured("digits", f"Frechet ratio, guidance {scale}", table[scale][1], "<= 1.5"),
        **run.measured("digits", "Frechet ratio, the best", min(r for _, r in table.values())),
        **run.measured("digits", "to the nearest training digit", far[0]),
        **run.measured("digits", "the same of test digits", far[1]),
    }


# Pictures


def show(run: Run, name: str, pictures: array, columns: int) -> None:
    """Save digits in rows, ink on paper."""
    rows = pictures.shape[0] // columns
    fig, ax = plotting.figure(width=0.55 * columns, height=0.55 * rows)
    ax.imshow(plotting.sheet(pictures, columns, border=1), cmap="gray_r", vmin=0, vmax=1)
    ax.axis("off")
    plotting.save(fig, run.out, name, formats=("png",))


def draw_grid(run: Run, made: array) -> None:
    """A hundred; each column is one digit."""
    show(run, "digits", made[:100], 10)


def draw_neighbours(run: Run, made: array, data: Dataset) -> tuple[float, float]:
    """Samples, and below each the training digit that is nearest; how far these are.

    Returns:
        The median distance of what was made, and that of test digits.
    """
    known = core.array(data.train.x).reshape(len(data.train.x), -1)
    count = min(made.shape[0], len(data.test.x), 1000)
    places, copy = nearest(made[:count].reshape(count, -1), known)
    other = nearest(core.array(data.test.x[:count]).reshape(count, -1), known)[1]
    found = known[places].reshape(made[:count].shape)
    rows = [part[start : start + 10] for start in (0, 10) for part in (made, found)]
    show(run, "digits_neighbours", core.concatenate(rows), 10)
    return core.median(copy).item(), core.median(other).item()


def draw_scales(run: Run, table: dict[float, tuple[float, float]]) -> None:
    """What guidance buys, and what it costs."""
    fig, (left, right) = plotting.figure(1, 2, width=9.0, height=3.6)
    scales = sorted(table)
    left.plot(scales, [100 * table[w][0] for w in scales], "o-", color=plotting.BLUE)
    left.set(xlabel="guidance", ylabel="as asked (%)")
    right.plot(scales, [table[w][1] for w in scales], "o-", color=plotting.ORANGE)
    right.set(xlabel="guidance", ylabel="Frechet ratio", ylim=(0, None))
    plotting.save(fig, run.out, "digits_guidance")
