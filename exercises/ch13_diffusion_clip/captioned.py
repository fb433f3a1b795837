"""Captioned pictures as batches: a tokenizer that learned the captions, and pools to draw from."""

import functools
import random
from collections.abc import Callable, Sequence

import mlx.core as mx

from tinymlx import core
from tinymlx.core import array
from tinymlx.data.captions import drawn, other_wording, split
from tinymlx.data.shapes import Scene
from tinymlx.text.tokenizer import ByteLevelTokenizer

from .runs import Batch, in_pieces
from .settings import LENGTH, SIZE, Setting

# The end is not number 2: in the first published towers a 2 stands for something else.
PAD, END, BEGIN = 0, 1, 2
SPECIAL = ("<pad>", "<end>", "<begin>")
WORD = r" ?\w+"  # how a caption is cut before anything is merged


@functools.cache
def learned_captions() -> "Captions":
    """The tokenizer, learned once for all parts."""
    return Captions()


class Captions:
    """Captions as rows of tokens; the tokenizer is that of chapter 12, learned from captions."""

    def __init__(self) -> None:
        scenes = split(2).seen[::7]
        texts = [str(s) for scene in scenes for s in (scene, other_wording(scene))]
        self.tokenizer = ByteLevelTokenizer.learned(texts, SIZE, SPECIAL, "<end>", WORD)
        self.size = self.tokenizer.size

    def __call__(self, captions: Sequence[str]) -> array:
        """``(N, LENGTH)`` tokens; an empty caption asks for nothing.

        Raises:
            ValueError: a caption is too long.
        """
        rows = []
        for caption in captions:
            row = [BEGIN, *(self.tokenizer.encode(caption) if caption else []), END]
            if len(row) > LENGTH:
                raise ValueError(f"{caption!r} has more than {LENGTH - 2} tokens.")
            rows.append(row + [PAD] * (LENGTH - len(row)))
        return core.array(rows)


@functools.cache
def rendered(things: int, each: int, pixels: int) -> mx.array:
    """Pictures of all scenes to learn from, which two parts of the project use."""
    return drawn(split(things).seen, each, things, pixels)


class Pool:
    """Pictures of scenes, and the captions of both wordings of each.

    Args:
        things: how many things are in a scene.
        each: pictures of each scene.
        captions: makes tokens of captions.
        pixels: the side of a picture.
    """

    def __init__(self, things: int, each: int, captions: Captions, pixels: int) -> None:
        scenes = split(things).seen
        self.pictures = core.array(rendered(things, each, pixels))  # (S, each, H, W, 3)
        wordings = [captions([str(f(s)) for s in scenes]) for f in (lambda s: s, other_wording)]
        self.tokens = core.stack(wordings, axis=1)  # (S, 2, LENGTH)

    def draw(self, count: int, key: mx.array, distinct: bool = False) -> Batch:
        """Pictures from -1 to 1 and tokens, all of them of one scene each if ``distinct``.

        For CLIP a batch holds no scene twice, in no wording: the second caption would be right for
        both pictures, and be counted as wrong.
        """
        total, each = self.pictures.shape[:2]
        keys = mx.random.split(key, 3)
        if distinct:
            scene = core.random.permutation(total, key=keys[0])[:count]
        else:
            scene = core.random.randint(0, total, (count,), key=keys[0])
        which = core.random.randint(0, each, scene.shape, key=keys[1])
        wording = core.random.randint(0, 2, scene.shape, key=keys[2])
        x = self.pictures[scene, which]
        return x / 127.5 - 1 if x.dtype == core.uint8 else x, self.tokens[scene, wording]

    def replace(self, change: Callable[[array], array]) -> None:
        """Keep what ``change`` makes of the pictures (from -1 to 1) in their place."""
        total, each = self.pictures.shape[:2]
        flat = self.pictures.reshape(total * each, *self.pictures.shape[2:])
        made = in_pieces(lambda a, b: change(flat[a:b] / 127.5 - 1), total * each)
        self.pictures = made.reshape(total, each, *made.shape[1:])


class Pools:
    """Scenes of one thing and of two, a quarter and three quarters of a batch.

    Args:
        setting: how many of which.
        things: ``(1,)`` or ``(1, 2)``.
        captions: makes tokens.
        pixels: the side of a picture.
    """

    def __init__(
        self, setting: Setting, things: tuple[int, ...], captions: Captions, pixels: int = 32
    ) -> None:
        self.pools = [Pool(n, setting.each[n - 1], captions, pixels) for n in things]

    def draw(self, count: int, key: mx.array, distinct: bool = False) -> Batch:
        """A batch of all pools."""
        if len(self.pools) == 1:
            return self.pools[0].draw(count, key, distinct)
        few = min(count // 4, self.pools[0].pictures.shape[0])
        keys = mx.random.split(key, 2)
        parts = [
            pool.draw(n, k, distinct)
            for pool, n, k in zip(self.pools, (few, count - few), keys, strict=True)
        ]
        return tuple(core.concatenate(list(rows)) for rows in zip(*parts, strict=True))


def some_scenes(scenes: Sequence[Scene], count: int, seed: int) -> list[Scene]:
    """So many of the scenes, each in one of its wordings; again from the first if there are few."""
    chance = random.Random(seed)
    order = chance.sample(list(scenes), len(scenes))
    rows = [order[i % len(order)] for i in range(count)]
    return [chance.choice([scene, other_wording(scene)]) for scene in rows]
