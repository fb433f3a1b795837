"""CLIP on captioned shapes: which caption belongs to which picture?

It is judged by retrieval (one caption of 256), and as a classifier that nobody trained: its classes
are 36 combinations of colour and shape, each told by several prompts; six of them were never shown.
"""

import numpy as np

from tinymlx import core, plotting
from tinymlx.core import array
from tinymlx.data.captions import drawn, new_thing, split
from tinymlx.data.shapes import COLOURS, SHAPES, SIZES, Scene, Thing
from tinymlx.models.clip import CLIP, VisionTower, class_vectors
from tinymlx.nn import Module

from .captioned import END, Captions, Pools, learned_captions, some_scenes
from .runs import Batch, Numbers, Run, chance, in_pieces, seeded, weights_count
from .settings import Setting
from .weights import read

MANY = 256  # captions to choose from


def network(run: Run, captions: Captions) -> CLIP:
    """Both towers, untrained."""
    return untrained(run.setting, captions)


def untrained(setting: Setting, captions: Captions) -> CLIP:
    """Both towers in the sizes of a setting."""
    towers = setting.towers
    core.random.seed(0)
    return CLIP(towers.text(captions.size, END), towers.vision(), towers.dims)


def learned(run: Run, captions: Captions) -> CLIP:
    """Both towers after training."""
    model, plan = network(run, captions), run.setting.clip
    run.console.print(
        f"[bold]CLIP[/]: {weights_count(model):,} weights; chance is a loss of "
        f"{chance(plan.batch):.3f}."
    )
    pools = Pools(run.setting, run.setting.pairs, captions)

    def loss(model: Module, x: array, tokens: array) -> array:
        return model.loss(x, tokens)

    def batch(i: int) -> Batch:
        return pools.draw(plan.batch, seeded(i), distinct=True)

    run.fit("clip", model, loss, batch, plan)
    return model


def clip(run: Run, trained: bool = False) -> Numbers:
    """Train, or read what was trained; retrieve, classify, and look where it looks."""
    captions = learned_captions()
    model = read("clip", network(run, captions)) if trained else learned(run, captions)
    numbers = run.measured("clip", "scale", model.scale().item())
    two = max(run.setting.pairs)
    for kind, goal in (("seen", ">= 0.90"), ("new", "")):
        scenes = some_scenes(getattr(split(two), kind), MANY, seed=11)
        scenes = scenes[: len(getattr(split(two), kind))]
        logits = model(pictures_of(scenes), captions([str(s) for s in scenes]))
        right = [right_places(logits), right_places(logits.T)]
        name = f"{kind} combinations: 1 of {len(scenes)}"
        numbers |= run.measured("clip", f"{name}, caption of a picture", right[0], goal)
        numbers |= run.measured("clip", f"{name}, picture of a caption", right[1], goal)
    numbers |= zero_shot(run, model, captions)
    draw_attention(run, model)
    return numbers


def pictures_of(scenes: list[Scene], each: int = 1) -> array:
    """Pictures from -1 to 1, ``each`` of every scene, one behind the other."""
    return core.array(drawn(scenes, each, seed=12)).reshape(-1, 32, 32, 3) / 127.5 - 1


def right_places(logits: array) -> float:
    """The share of rows whose greatest number is on the diagonal."""
    found = core.argmax(logits, axis=1) == core.arange(logits.shape[0])
    return core.mean(found.astype(core.float32)).item()


def zero_shot(run: Run, model: CLIP, captions: Captions) -> Numbers:
    """Which of 36 combinations of colour and shape is it?"""
    classes = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    prompts = [[str(Thing(size, *names)) for size in SIZES] for names in classes]
    sentences = [model.sentences(captions(row)) for row in prompts]
    vectors = class_vectors(core.stack(sentences))
    each = 10
    scenes = [Scene((Thing(size, *names),)) for names in classes for size in SIZES]
    x = pictures_of(scenes, each)
    seen_by = in_pieces(lambda a, b: model.pictures(x[a:b]), x.shape[0])
    chosen = np.array(core.argmax(seen_by @ vectors.T, axis=1).tolist())
    truth = np.repeat(np.arange(len(classes)), len(SIZES) * each)
    new = np.array([new_thing(Thing("small", *names)) for names in classes])[truth]
    confusion = np.zeros((36, 36))
    np.add.at(confusion, (truth, chosen), 1)
    draw_confusion(run, confusion / confusion.sum(axis=1, keepdims=True))
    right = chosen == truth
    return {
        **run.measured("clip", "zero-shot, seen combinations", right[~new].mean().item()),
        **run.measured("clip", "zero-shot, new combinations", right[new].mean().item(), ">= 0.95"),
    }


# Pictures


def class_attention(tower: VisionTower, x: array) -> array:
    """How much the class token looks at each patch in the last block, ``(N, P, P)``."""
    hidden = tower.encoder(tower.pre_layrnorm(tower.embeddings(x)))[-2]
    block = tower.encoder.layers[-1]
    attention, y = block.self_attn, block.layer_norm1(hidden)
    n, length, dims = y.shape
    size = dims // attention.heads
    q = attention.q_proj(y[:, :1]).reshape(n, 1, attention.heads, size).transpose(0, 2, 1, 3)
    k = attention.k_proj(y).reshape(n, length, attention.heads, size).transpose(0, 2, 3, 1)
    weights = core.mean(core.softmax(q @ k * size**-0.5, axis=-1), axis=1)[:, 0, 1:]
    side = round((length - 1) ** 0.5)
    return weights.reshape(n, side, side)


def draw_attention(run: Run, model: CLIP) -> None:
    """Pictures, and where the class token looks."""
    scenes = some_scenes(split(max(run.setting.pairs)).seen, 8, seed=13)
    x = pictures_of(scenes)
    maps = np.array(class_attention(model.vision_model, x).tolist())
    fig, axes = plotting.figure(2, 8, width=12.0, height=3.4)
    for i in range(8):
        axes[0][i].imshow(np.array(((x[i] + 1) / 2).tolist()))
        axes[1][i].imshow(maps[i], cmap="magma", vmin=0)
        axes[0][i].set_title(str(scenes[i]).replace(" a ", "\na "), fontsize=6)
        for ax in axes[:, i]:
            ax.set(xticks=[], yticks=[])
    axes[1][0].set_ylabel("looks at")
    plotting.save(fig, run.out, "clip_attention", formats=("png",))


def draw_confusion(run: Run, shares: np.ndarray) -> None:
    """What each combination is taken for; those that were never shown are marked."""
    fig, ax = plotting.figure(width=7.4, height=6.8)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
    ax.set_xticks(range(36), names, fontsize=6, rotation=90)
    ax.set_yticks(range(36), names, fontsize=6)
    for i in range(6):
        ax.get_yticklabels()[7 * i].set_color(plotting.RED)
    ax.set(xlabel="taken for", ylabel="is (red: a combination that was never shown)")
    ax.grid(False)
    plotting.save(fig, run.out, "clip_zero_shot", formats=("png",))
