"""A class of pictures on demand: what digits and objects share.

Flow matching with a U-Net that is told a class in nine of ten cases, guidance, and what a judge
says of what was made: whether it is what was asked for, how far all of it is from real pictures,
and how near to those that were learned from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tinymlx import core, plotting
from tinymlx.core import array
from tinymlx.data.dataset import Dataset
from tinymlx.diffusion.flow import euler, flow_times
from tinymlx.generative.frechet import frechet_ratio
from tinymlx.generative.neighbours import nearest
from tinymlx.nn import Module
from tinymlx.vision.augmentation import random_flip

from .networks import Denoiser, Labels, asked, matching_loss
from .runs import Batch, Numbers, Plan, Run, in_pieces, seeded, weights_count
from .settings import Sizes
from .weights import read


class Seen(NamedTuple):
    """What a judge sees on ``N`` pictures."""

    classes: array  # (N,) integers, the likeliest class
    features: array  # (N, D) float32


#: Pictures from 0 to 1, ``(N, H, W, C)``, to what is seen on them.
Judge = Callable[[array], Seen]


@dataclass(frozen=True)
class Task:
    """What is learned, and what is asked for.

    Attributes:
        name: of the part; the names of its files begin with it.
        data: pictures from 0 to 1 with their classes.
        net: the U-Net.
        plan: how long it is trained.
        flip: whether half of the training pictures are mirrored; never with digits.
        judged: how many pictures are judged.
        calls: Euler's steps.
        guidance: the scale that counts.
        scales: all that are tried.
        goals: what the share as asked and the Frechet ratio should be in the full setting.
    """

    name: str
    data: Dataset
    net: Sizes
    plan: Plan
    flip: bool
    judged: int
    calls: int
    guidance: float
    scales: tuple[float, ...]
    goals: tuple[str, str] = ("", "")

    @property
    def classes(self) -> int:
        """How many classes; the number behind the last one asks for nothing."""
        return len(self.data.classes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one picture."""
        return self.data.train.x.shape[1:]


def network(task: Task) -> Denoiser:
    """The U-Net, untrained."""
    core.random.seed(0)
    words = Labels(task.classes, task.net.context)
    return Denoiser(task.net.config(task.shape[-1]), words, task.net.patch)


def learned(run: Run, task: Task) -> Denoiser:
    """The network after training."""
    model, plan = network(task), task.plan
    count = weights_count(model)
    run.console.print(f"[bold]{task.data.source}[/]: a U-Net of {count:,} weights.")
    x, y = core.array(task.data.train.x), core.array(task.data.train.y)
    nothing = core.array(task.classes)

    def loss(model: Module, x: array, labels: array) -> array:
        return matching_loss(model, x, labels, nothing)

    def batch(i: int) -> Batch:
        key = seeded(i)
        chosen = core.random.randint(0, x.shape[0], (plan.batch,), key=key)
        some = x[chosen] * 2 - 1
        if task.flip:
            some = random_flip(some, core.random.split(key)[1])
        return some, y[chosen]

    run.fit(task.name, model, loss, batch, plan)
    return model


def made(model: Denoiser, task: Task, scale: float) -> array:
    """Every class in turn, pictures from 0 to 1."""
    noise = core.random.normal((task.judged, *task.shape), key=seeded(3))
    labels = core.arange(task.judged) % task.classes
    nothing = core.array(task.classes)

    def some(start: int, stop: int) -> array:
        velocity = asked(model, labels[start:stop], nothing, scale)
        return euler(velocity, noise[start:stop], flow_times(task.calls))

    return core.clip(in_pieces(some, task.judged) / 2 + 0.5, 0, 1)


def as_asked(seen: Seen, labels: array) -> float:
    """The share of pictures on which the judge sees what was asked for."""
    return core.mean((seen.classes == labels).astype(core.float32)).item()


def on_demand(
    run: Run,
    task: Task,
    judge: Judge,
    real: array,
    other: array,
    likeness: Callable[[array], array],
    trained: bool = False,
) -> Numbers:
    """Train, or read what was trained; make pictures at several scales of guidance, judge, draw.

    Args:
        run: where everything goes.
        task: what is learned and asked for.
        judge: says what is on a picture.
        real: the judge's features of the test pictures.
        other: those of other real pictures. Their distance from ``real`` is the unit in which that
            of the made ones is measured.
        likeness: what the distance of two pictures is taken between, ``(N, H, W, C)`` to
            ``(N, D)``.
        trained: whether nothing is trained.
    """
    model = read(task.name, network(task)) if trained else learned(run, task)
    labels = core.arange(task.judged) % task.classes
    table: dict[float, tuple[float, float]] = {}
    for w in sorted({*task.scales, task.guidance}):
        x = made(model, task, w)
        seen = judge(x)
        table[w] = as_asked(seen, labels), frechet_ratio(seen.features, real, other).item()
        run.console.print(
            f"guidance {w}: {table[w][0]:.1%} as asked, Frechet ratio {table[w][1]:.2f}"
        )
        if w == task.guidance:
            draw_grid(run, task, x)
            far = draw_neighbours(run, task, x, likeness)
    draw_scales(run, task, table)
    name, scale = task.name, task.guidance
    share, ratio = table[scale]
    return {
        **run.measured(name, f"as asked, guidance {scale}", share, task.goals[0]),
        **run.measured(name, f"Frechet ratio, guidance {scale}", ratio, task.goals[1]),
        **run.measured(name, "Frechet ratio, the best", min(r for _, r in table.values())),
        **run.measured(name, "to the nearest training picture", far[0]),
        **run.measured(name, "the same of test pictures", far[1]),
    }


def pixels(x: array) -> array:
    """The likeness of pictures that are all in the same place: their numbers, in a row."""
    return x.reshape(x.shape[0], -1)


# Pictures


def show(run: Run, name: str, pictures: array, columns: int, titles: tuple[str, ...] = ()) -> None:
    """Save pictures in rows: ink on paper, or colours between white lines, with titles above."""
    rows = pictures.shape[0] // columns
    fig, ax = plotting.figure(width=0.55 * columns, height=0.55 * rows + 0.3 * bool(titles))
    side = pictures.shape[1] + 2
    if pictures.shape[-1] == 1:
        ax.imshow(plotting.sheet(pictures, columns, border=1), cmap="gray_r", vmin=0, vmax=1)
    else:
        ax.imshow(1 - plotting.sheet(1 - pictures, columns, border=1))
    ax.axis("off")
    for i, title in enumerate(titles):
        ax.text((i + 0.5) * side, -3, title, fontsize=6, ha="center", va="bottom")
    plotting.save(fig, run.out, name, formats=("png",))


def draw_grid(run: Run, task: Task, x: array) -> None:
    """Ten rows; each column is one class."""
    titles = task.data.classes if task.shape[-1] == 3 else ()
    show(run, task.name, x[: 10 * task.classes], task.classes, titles)


def draw_neighbours(
    run: Run, task: Task, x: array, likeness: Callable[[array], array]
) -> tuple[float, float]:
    """Samples, and below each the training picture that is most like it; how far these are.

    Returns:
        The median distance of what was made, and that of test pictures.
    """
    learned_from, test = core.array(task.data.train.x), task.data.test.x
    known = likeness(learned_from)
    count = min(x.shape[0], len(test), 1000)
    places, copy = nearest(likeness(x[:count]), known)
    other = nearest(likeness(core.array(test[:count])), known)[1]
    found, columns = learned_from[places], task.classes
    rows = [part[start : start + columns] for start in (0, columns) for part in (x[:count], found)]
    show(run, f"{task.name}_neighbours", core.concatenate(rows), columns)
    return core.median(copy).item(), core.median(other).item()


def draw_scales(run: Run, task: Task, table: dict[float, tuple[float, float]]) -> None:
    """What guidance buys, and what it costs."""
    fig, (left, right) = plotting.figure(1, 2, width=9.0, height=3.6)
    scales = sorted(table)
    left.plot(scales, [100 * table[w][0] for w in scales], "o-", color=plotting.BLUE)
    left.set(xlabel="guidance", ylabel="as asked (%)")
    right.plot(scales, [table[w][1] for w in scales], "o-", color=plotting.ORANGE)
    right.set(xlabel="guidance", ylabel="Frechet ratio", ylim=(0, None))
    plotting.save(fig, run.out, f"{task.name}_guidance")
