"""Captioned shapes: a U-Net that reads, its pictures read by an exact parser, and edits.

Some combinations of colour and shape, and of shapes and relations, are never shown: who draws them
has understood the words one by one.
"""

import numpy as np

from tinymlx import core, plotting
from tinymlx.core import array
from tinymlx.data.captions import drawn, score, split
from tinymlx.data.shapes import Scene, Thing
from tinymlx.diffusion.flow import flow_times, heun
from tinymlx.nn import Module

from .captioned import END, Captions, Pools, learned_captions, some_scenes
from .edits import from_a_picture, inpainted
from .networks import Denoiser, Words, asked, matching_loss
from .runs import Batch, Numbers, Run, in_pieces, seeded, weights_count
from .settings import tower
from .weights import read

SCALE = 2.0
GOALS = {"seen": ">= 0.95", "new": ">= 0.85"}


class Artist:
    """A denoiser and the captions that it was trained with."""

    def __init__(self, model: Denoiser, captions: Captions, pixels: int) -> None:
        self.model, self.captions, self.pixels = model, captions, pixels

    def velocity(self, scenes: list[str], scale: float = SCALE):
        """The velocity towards pictures of these captions."""
        return asked(self.model, self.captions(scenes), self.captions([""])[0], scale)

    def pictures(self, scenes: list[Scene], calls: int, seed: int = 4) -> array:
        """One picture from 0 to 1 for each scene."""
        texts = [str(scene) for scene in scenes]
        noise = core.random.normal((len(texts), self.pixels, self.pixels, 3), key=seeded(seed))

        def some(start: int, stop: int) -> array:
            return heun(self.velocity(texts[start:stop]), noise[start:stop], flow_times(calls))

        return in_01(in_pieces(some, len(texts), 250))


def in_01(x: array) -> array:
    """Pictures from -1 to 1 as from 0 to 1."""
    return core.clip(x / 2 + 0.5, 0, 1)


def network(run: Run, captions: Captions) -> Denoiser:
    """The U-Net with a tower that reads, both untrained."""
    sizes = run.setting.shapes_net
    core.random.seed(0)
    words = Words(tower(sizes.context, run.setting.readers, captions.size, END))
    return Denoiser(sizes.config(3), words, sizes.patch)


def learned(run: Run, captions: Captions) -> Denoiser:
    """The network after training."""
    model, plan = network(run, captions), run.setting.shapes
    run.console.print(f"[bold]Captioned shapes[/]: a U-Net of {weights_count(model):,} weights.")
    pools = Pools(run.setting, run.setting.things, captions, run.setting.pixels)
    nothing = captions([""])[0]

    def loss(model: Module, x: array, tokens: array) -> array:
        return matching_loss(model, x, tokens, nothing)

    def batch(i: int) -> Batch:
        return pools.draw(plan.batch, seeded(i))

    run.fit("shapes", model, loss, batch, plan)
    return model


def questions(run: Run) -> dict[str, list[Scene]]:
    """What is asked for: combinations that were seen, and such that were not."""
    found: dict[str, list[Scene]] = {"seen": [], "new": []}
    count = run.setting.asked // len(run.setting.things)
    for things in run.setting.things:
        both = split(things)
        found["seen"] += some_scenes(both.seen, count, seed=things)
        found["new"] += some_scenes(both.new, count, seed=things)
    return found


def judged(run: Run, part: str, pictures: dict[str, array], limits: dict[str, str]) -> Numbers:
    """What the parser reads from the pictures of each kind, attribute by attribute."""
    numbers: Numbers = {}
    for kind, scenes in questions(run).items():
        found = score(scenes, np.array(pictures[kind].tolist(), np.float32))
        for name, share in found.items():
            numbers |= run.measured(part, f"{kind} combinations: {name}", share, limits[kind])
    return numbers


def shapes(run: Run, trained: bool = False) -> Numbers:
    """Train, or read what was trained; draw what is asked for, and have it read; then edits."""
    captions = learned_captions()
    model = read("shapes", network(run, captions)) if trained else learned(run, captions)
    artist = Artist(model, captions, run.setting.pixels)
    scenes = questions(run)
    made = {kind: artist.pictures(some, run.setting.calls) for kind, some in scenes.items()}
    numbers = judged(run, "shapes", made, GOALS)
    draw_captioned(run, "shapes", scenes, made)
    draw_strengths(run, artist)
    if 2 in run.setting.things:
        numbers |= holes(run, artist)
    return numbers


# Edits


def draw_strengths(run: Run, artist: Artist) -> None:
    """From one picture to another caption: the more noise, the less of it is left."""
    strengths = (0.3, 0.5, 0.7, 0.8, 0.9)
    pairs = [
        (Thing("large", "green", "ring"), Thing("large", "blue", "ring")),
        (Thing("small", "yellow", "square"), Thing("large", "yellow", "square")),
        (Thing("large", "purple", "circle"), Thing("large", "purple", "triangle")),
    ]
    x = core.array(drawn([Scene((a,)) for a, _ in pairs], 1, 5, artist.pixels))[:, 0] / 127.5 - 1
    noise = core.random.normal(x.shape, key=seeded(5))
    velocity = artist.velocity([str(b) for _, b in pairs])
    rows = [x]
    for strength in strengths:
        rows.append(from_a_picture(velocity, x, noise, strength, run.setting.calls))
    names = ["before", *(f"strength {s}" for s in strengths)]
    fig, axes = plotting.figure(3, len(rows), width=1.6 * len(rows), height=5.2)
    for i, row in enumerate(axes):
        for ax, name, column in zip(row, names, rows, strict=True):
            ax.imshow(np.array(in_01(column[i]).tolist()))
            ax.set(xticks=[], yticks=[], title=name if i == 0 else "")
        row[0].set_ylabel(f"now {pairs[i][1]}", fontsize=8)
    plotting.save(fig, run.out, "image_to_image", formats=("png",))


def holes(run: Run, artist: Artist) -> Numbers:
    """The left half is forgotten and drawn anew, as another caption says."""
    before, after = exchanged(max(run.setting.asked // 5, 50))
    half = artist.pixels // 2
    x = core.array(drawn(before, 1, 6, artist.pixels))[:, 0] / 127.5 - 1
    free = np.abs(np.array(x[:, :, half - 2 : half + 2].tolist()) + 1).max(axis=(1, 2, 3)) < 0.01
    keep = core.array(np.flatnonzero(free).tolist(), core.int32)
    x, after = x[keep], [scene for scene, ok in zip(after, free, strict=True) if ok]
    hole = core.broadcast_to((core.arange(2 * half) < half)[None, None, :, None], x.shape)
    noise = core.random.normal(x.shape, key=seeded(7))
    velocity = artist.velocity([str(scene) for scene in after])
    made = in_01(inpainted(velocity, x, hole, noise, flow_times(2 * run.setting.calls)))
    found = score(after, np.array(made.tolist(), np.float32))
    fig, axes = plotting.figure(3, 6, width=9.6, height=5.4)
    shown = (in_01(x), in_01(core.where(hole, 0.0, x)), made)
    for row, name, pictures in zip(axes, ("before", "forgotten", "drawn anew"), shown):
        for i, ax in enumerate(row):
            ax.imshow(np.array(pictures[i].tolist()))
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(name)
    for i, ax in enumerate(axes[-1]):
        ax.set_xlabel(str(after[i].things[0]).replace("a ", "", 1), fontsize=8)
    plotting.save(fig, run.out, "inpainting", formats=("png",))
    return run.measured("shapes", "inpainting: all", found["all"])


def exchanged(count: int) -> tuple[list[Scene], list[Scene]]:
    """Scenes with something on the left, and the same with something else there."""
    left = [s for s in split(2).seen if s.relation == "left of"]
    first, second = some_scenes(left, 8 * count, 8), some_scenes(left, 8 * count, 9)
    before = [s for s in first if s.relation == "left of"]
    others = [s.things[0] for s in second if s.relation == "left of"]
    pairs = list(zip(before, others))
    return [s for s, _ in pairs], [Scene((t, s.things[1]), "left of") for s, t in pairs]


# Pictures


def draw_captioned(
    run: Run, name: str, scenes: dict[str, list[Scene]], made: dict[str, array]
) -> None:
    """The first and the last of each kind with their captions, those read otherwise in red."""
    fig, axes = plotting.figure(4, 6, width=10.5, height=8.2)
    for kind, rows in zip(scenes, (axes[:2], axes[2:]), strict=True):
        count = len(scenes[kind])
        places = [*range(6), *range(count - 6, count)]
        for ax, i in zip(rows.reshape(-1), places, strict=True):
            picture = np.array(made[kind][i].tolist(), np.float32)
            right = score([scenes[kind][i]], [picture])["all"] == 1
            ax.imshow(picture)
            ax.set(xticks=[], yticks=[])
            ax.set_title(wrapped(scenes[kind][i]), fontsize=8, color="k" if right else "#D55E00")
        rows[0][0].set_ylabel(f"{kind} combinations")
    plotting.save(fig, run.out, name, formats=("png",))


def wrapped(scene: Scene) -> str:
    """A caption in lines."""
    relation = "" if scene.relation is None else f"\n{scene.relation}"
    return f"{relation}\n".join(map(str, scene.things))
