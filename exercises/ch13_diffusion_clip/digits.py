"""Digits on demand, judged by the frozen judge.

What is made is judged with the code of chapter 9, so that its table can be laid beside: there the
best generator that drew what it liked had a Frechet ratio of 2.39, the one that could be asked 0.90
and 98.6 % as asked.
"""

from dataclasses import replace

import mlx.core as mx

from tinymlx import core
from tinymlx.core import array
from tinymlx.core.arrays import bare
from tinymlx.data import digits as small_digits
from tinymlx.data import mnist
from tinymlx.data.dataset import Dataset
from tinymlx.data.judge import judge

from .conditional import Seen, Task, on_demand, pixels
from .runs import Numbers, Run, seeded


def task_of(run: Run, data: Dataset) -> Task:
    """What is learned and asked for. Digits of 8 x 8 are too small for large patches."""
    setting, side = run.setting, data.train.x.shape[1]
    return Task(
        "digits",
        data,
        net=setting.digits_net if side > 8 else replace(setting.digits_net, patch=1),
        plan=setting.digits,
        flip=False,
        judged=setting.judged,
        calls=min(20, 2 * setting.calls),
        guidance=setting.guidance,
        scales=setting.scales,
        goals=(">= 0.98", "<= 1.5"),
    )


def frozen(x: array) -> Seen:
    """What the frozen judge sees."""
    verdict = judge(bare(x))
    return Seen(core.array(verdict.digits), core.array(verdict.features))


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
    order = mx.random.permutation(len(data.train.x), key=seeded(2))[: len(data.test.x)]
    real, other = (frozen(core.array(x)).features for x in (data.test.x, data.train.x[order]))
    return on_demand(run, task_of(run, data), frozen, real, other, pixels, trained)
