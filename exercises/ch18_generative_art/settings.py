"""How large and how long: three settings of project 18."""

from dataclasses import dataclass

from tinymlx.models.latent_diffusion import UNetConfig

from .borrowed import Plan

STYLES = 9


@dataclass(frozen=True)
class Sizes:
    """Of the U-Net over patches: the channels of each level, and whether it has attention."""

    patch: int
    channels: tuple[int, ...]
    attention: tuple[bool, ...]
    layers: int = 1
    context: int = 64

    def config(self) -> UNetConfig:
        """The network for pictures with three channels."""
        count = len(self.channels)
        return UNetConfig(
            in_channels=3 * self.patch**2,
            out_channels=3 * self.patch**2,
            channels=self.channels,
            attention=self.attention,
            heads=(4,) * count,
            depth=(1,) * count,
            layers=self.layers,
            context=self.context,
            linear=True,
            groups=8,
        )


@dataclass(frozen=True)
class Duelling:
    """Of the adversarial networks."""

    width: int
    steps: int
    batch: int
    rate: float = 1e-3
    latent: int = 64
    hole: float = 0.3


@dataclass(frozen=True)
class Setting:
    """Everything.

    Attributes:
        side: of the pictures that are generated.
        count: paintings to learn from; `held` others are looked at in the end.
        looker: widths of the network whose features style transfer uses.
        looking: how long it learns to tell styles.
        transfer_side, evaluations: of style transfer by a search.
        painter: width and blocks of the network that paints in one pass, and how long it learns.
        unet, diffusion: the network, and how long it learns.
        guidance, calls: scale, and steps from noise to picture.
        judged: how many pictures are judged.
        print_side: of the large pictures.
    """

    name: str
    side: int
    count: int
    held: int
    looker: tuple[int, ...]
    looking: Plan
    transfer_side: int
    evaluations: int
    transfer_styles: tuple[str, ...]
    painter: tuple[int, int, Plan]
    unet: Sizes
    diffusion: Plan
    gan: Duelling
    guidance: float
    calls: int
    judged: int
    print_side: int
    published: bool = True


QUICK = Setting(
    "quick",
    side=16,
    count=63,
    held=18,
    looker=(8, 16),
    looking=Plan(60, 20, 5e-3),
    transfer_side=48,
    evaluations=12,
    transfer_styles=("points",),
    painter=(4, 1, Plan(4, 2, 2e-3)),
    unet=Sizes(4, (16,), (False,), context=16),
    diffusion=Plan(20, 16, 3e-3),
    gan=Duelling(4, 4, 4),
    guidance=2.0,
    calls=4,
    judged=45,
    print_side=32,
    published=False,
)
DEFAULT = Setting(
    "default",
    side=32,
    count=1350,
    held=450,
    looker=(16, 32, 48),
    looking=Plan(250, 27, 3e-3),
    transfer_side=144,
    evaluations=90,
    transfer_styles=("points", "glass"),
    painter=(12, 2, Plan(600, 2, 3e-3)),
    unet=Sizes(4, (96,), (True,)),
    diffusion=Plan(500, 32, 2e-3, muon=0.02),
    gan=Duelling(8, 100, 16),
    guidance=2.0,
    calls=12,
    judged=90,
    print_side=64,
)
FULL = Setting(
    "full",
    side=64,
    count=18000,
    held=1800,
    looker=(32, 64, 128, 128),
    looking=Plan(1200, 90, 2e-3, compile=False),
    transfer_side=256,
    evaluations=300,
    transfer_styles=("flow", "glass", "points", "strokes", "waves", "woodcut"),
    painter=(32, 5, Plan(2000, 16, 1e-3, compile=False)),
    unet=Sizes(2, (96, 192, 256), (False, True, True), context=128),
    diffusion=Plan(3000, 128, 8e-4, half=True),
    gan=Duelling(32, 7000, 64, 2e-4, 128),
    guidance=1.0,
    calls=25,
    judged=1800,
    print_side=256,
)
