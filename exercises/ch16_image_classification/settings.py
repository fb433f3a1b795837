"""How long, and with which networks: one table for all three."""

from dataclasses import dataclass

from tinymlx.classification.budget import resnet_size, vit_size, widest
from tinymlx.models import ResNet
from tinymlx.models.vit import ViT, ViTConfig
from tinymlx.nn import Module


@dataclass(frozen=True)
class Net:
    """A residual network: the channels of its first stage double from stage to stage."""

    width: int
    blocks: tuple[int, ...] = (1, 1, 1)
    stem: tuple[int, int] = (4, 2)

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(self.width << i for i in range(len(self.blocks)))

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(1 if i == 0 else 2 for i in range(len(self.blocks)))


@dataclass(frozen=True)
class Setting:
    """How long, and with which networks."""

    name: str
    teacher: Net
    student: Net
    layers: int  # of the transformer; its width follows from the teacher's budget
    epochs: tuple[int, int, int]  # of the teacher, the transformer and the student
    side: int = 32
    batch: int = 64
    hole: int = 0
    mix: bool = False
    average: float | None = None
    drop: float = 0.0
    stretch: float = 0.0  # how strongly pictures are turned, scaled and sheared


QUICK = Setting(
    "quick", Net(12, (1, 1), (3, 1)), Net(6, (1, 1), (3, 1)), 1, (4, 4, 4), side=16, batch=20
)
DEFAULT = Setting("default", Net(32), Net(16), 2, (8, 8, 8))
FULL = Setting(
    "full",
    Net(64, (2, 2, 1), (3, 1)),
    Net(20, (2, 2, 1), (3, 1)),
    7,
    (200, 160, 160),
    batch=256,
    hole=8,
    mix=True,
    average=0.998,
    drop=0.1,
    stretch=0.3,
)


def resnet(net: Net, classes: int) -> ResNet:
    """A residual network."""
    return ResNet(net.widths, net.blocks, net.strides, net.stem, classes)


def budget(setting: Setting, classes: int) -> int:
    """Operations of the teacher for one picture."""
    net = setting.teacher
    size = resnet_size(net.widths, net.blocks, net.strides, net.stem, setting.side, classes)
    return size.flops


def transformer_config(setting: Setting, classes: int) -> ViTConfig:
    """The widest transformer of so many layers within the teacher's budget."""

    def config(dims: int) -> ViTConfig:
        return ViTConfig(
            side=setting.side,
            dims=dims,
            layers=setting.layers,
            heads=4,
            classes=classes,
            tokenizer="convolutions",
            pool="sequence",
            drop=setting.drop,
        )

    dims = widest(
        lambda dims: vit_size(config(dims)).flops, budget(setting, classes), range(8, 513, 8)
    )
    return config(dims)


def networks(setting: Setting, classes: int) -> dict[str, Module]:
    """The three networks by name, untrained."""
    return {
        "CNN": resnet(setting.teacher, classes),
        "transformer": ViT(transformer_config(setting, classes)),
        "student": resnet(setting.student, classes),
    }


def flops(setting: Setting, classes: int) -> dict[str, int]:
    """Operations of each for one picture."""
    net = setting.student
    student = resnet_size(net.widths, net.blocks, net.strides, net.stem, setting.side, classes)
    return {
        "CNN": budget(setting, classes),
        "transformer": vit_size(transformer_config(setting, classes)).flops,
        "student": student.flops,
    }
