"""Project 12: how large and how long."""

from dataclasses import dataclass, replace

PAD, BEGIN, END = 0, 1, 2
SPECIAL = ("<pad>", "<begin>", "<end>")
Numbers = dict[str, float]


@dataclass(frozen=True)
class Setting:
    """Of a translator and its training."""

    name: str
    size: int  # tokens of the vocabulary
    dims: int
    heads: int
    layers: int
    hidden: int
    dropout: float
    tokens: int  # of one side of a batch
    epochs: int
    rate: float
    warm_up: int
    lengths: tuple[int, ...]  # that a batch may have; longer pairs are left out
    last: int = 1  # how many checkpoints are averaged; while it still learns fast, more are worse
    widths: tuple[int, ...] = (1, 2, 4, 8)  # of beams, in the plot
    width: int = 5  # of the beams that count
    penalty: float = 1.0
    every: int = 1  # after how many epochs translations are judged
    judged: int = 200  # sentences of the validation set
    pairs: int | None = None  # how many to learn from; all if left out
    tests: int | None = None
    kind: str = "transformer"  # or "recurrent"


QUICK = Setting(
    "quick", 400, 64, 4, 1, 128, 0.0, 1000, 6, 5e-3, 60, (12, 20, 32, 64), pairs=4000, tests=100
)
DEFAULT = Setting(
    "default", 2048, 128, 4, 2, 256, 0.1, 1200, 3, 2.5e-3, 400, (12, 16, 20, 24, 32, 48)
)
FULL = Setting(
    "full", 8000, 256, 4, 4, 1024, 0.3, 8192, 40, 2e-3, 1000, (16, 24, 48), last=10, every=10
)


RECURRENT = "-recurrent"  # ends the names of these settings


def recurrent(setting: Setting, small: bool = False) -> Setting:
    """The same sentences and batches for GRUs. ``hidden`` is the size of a state.

    Args:
        setting: of the Transformer.
        small: whether the language is that of numbers and dates; an epoch is short there.
    """
    changed = {
        "quick": {"hidden": 96},
        # An epoch takes a third longer than the Transformer's.
        "default": {"layers": 1, "hidden": 128, "epochs": 10 if small else 2},
        # About as many weights; the dropout was chosen on the validation set.
        "full": {"layers": 2, "hidden": 512, "dropout": 0.3, "epochs": 30},
    }
    common = replace(setting, name=setting.name + RECURRENT, kind="recurrent")
    return replace(common, **changed.get(setting.name, {}))


@dataclass(frozen=True)
class Tuning:
    """Of a language model that learns one author, from three beginnings.

    ``rates`` are the largest ones of the random, the published weights, and the adapters; each is
    the best of those that were tried on a GPU (a factor of three apart).
    """

    steps: int
    lanes: int
    window: int
    every: int  # steps between two looks at the held-out text
    judged: int  # windows of the held-out text
    rates: tuple[float, float, float] = (3e-4, 3e-5, 1e-3)
    rank: int = 8


TUNING = Tuning(steps=16, lanes=2, window=64, every=4, judged=8)
FULL_TUNING = Tuning(steps=200, lanes=16, window=256, every=5, judged=64)
