"""How large and how long: three settings of project 13."""

from dataclasses import dataclass, replace

from tinymlx.data.shapes import SIZES
from tinymlx.models.clip.layers import TowerConfig
from tinymlx.models.latent_diffusion import AutoencoderConfig, UNetConfig

from .runs import Plan

LENGTH = 12  # of the longest caption: two things, a relation of two words, begin and end
SIZE = 400  # of the vocabulary, at most


@dataclass(frozen=True)
class Sizes:
    """Of a U-Net over patches: for each level its channels, and whether it has attention."""

    patch: int
    channels: tuple[int, ...]
    attention: tuple[bool, ...]
    layers: int = 1
    context: int = 64

    def config(self, channels: int) -> UNetConfig:
        """The network for pictures of so many channels."""
        count = len(self.channels)
        return UNetConfig(
            in_channels=self.patch**2 * channels,
            out_channels=self.patch**2 * channels,
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
class Towers:
    """Of CLIP: features, blocks and the side of a patch."""

    dims: int
    layers: int
    patch: int

    def text(self, vocabulary: int, end: int) -> TowerConfig:
        """The tower that reads."""
        return tower(self.dims, self.layers, vocabulary, end)

    def vision(self) -> TowerConfig:
        """The tower that sees."""
        return TowerConfig(
            hidden_size=self.dims,
            intermediate_size=4 * self.dims,
            num_hidden_layers=self.layers,
            num_attention_heads=4,
            image_size=32,
            patch_size=self.patch,
        )


def tower(dims: int, layers: int, vocabulary: int, end: int) -> TowerConfig:
    """A tower that reads captions."""
    return TowerConfig(
        hidden_size=dims,
        intermediate_size=4 * dims,
        num_hidden_layers=layers,
        num_attention_heads=4,
        vocab_size=vocabulary,
        max_position_embeddings=LENGTH,
        eos_token_id=end,
    )


@dataclass(frozen=True)
class Latent:
    """Of the autoencoder and of the diffusion in its maps."""

    autoencoder: AutoencoderConfig
    learning: Plan
    unet: Sizes
    plan: Plan


@dataclass(frozen=True)
class Looker:
    """Of the residual network that judges objects: its stages, and the side of the square that is
    cut out of what it learns from."""

    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    strides: tuple[int, ...]
    stem: tuple[int, int]
    hole: int = 0


@dataclass(frozen=True)
class Objects:
    """Of objects on demand: the judge, the U-Net, and what is asked for (see ``Task``)."""

    looker: Looker
    looking: Plan
    unet: Sizes
    plan: Plan
    judged: int
    calls: int
    guidance: float
    scales: tuple[float, ...]


@dataclass(frozen=True)
class Setting:
    """Everything.

    Attributes:
        floor, digits, shapes, clip: how long each network is trained.
        floor_width: of the small network.
        digits_net, shapes_net: the U-Nets.
        pixels, sizes: the side of a picture of shapes, and the sizes of things; not for CLIP.
        readers: blocks of the tower that reads captions for the U-Net.
        towers: of CLIP.
        objects: photographs on demand.
        parts: those that are run if none is named.
        judged: how many digits are judged.
        asked: how many captions of each kind are drawn and judged.
        guidance: of the digits that count.
        scales: of guidance, for the plot.
        calls: Heun's steps, or half as many as Euler's for digits, which are 20 at most.
        things: how many things are on a picture.
        pairs: the same for CLIP.
        each: pictures of every scene of one thing, and of two.
        latent: the variant in small maps, if there is one.
    """

    name: str
    floor: Plan
    floor_width: int
    digits: Plan
    digits_net: Sizes
    judged: int
    shapes: Plan
    shapes_net: Sizes
    readers: int
    asked: int
    clip: Plan
    towers: Towers
    objects: Objects
    parts: tuple[str, ...] = ("floor", "digits", "objects", "shapes", "latent", "clip")
    guidance: float = 1.5
    scales: tuple[float, ...] = (1.0, 1.5, 2.0, 3.0)
    calls: int = 20
    pixels: int = 32
    sizes: tuple[str, ...] = SIZES
    things: tuple[int, ...] = (1, 2)
    pairs: tuple[int, ...] = (1, 2)
    each: tuple[int, int] = (100, 2)
    latent: Latent | None = None


QUICK = Setting(
    "quick",
    floor=Plan(200, 256, 5e-3),
    floor_width=32,
    digits=Plan(100, 32, 3e-3),
    digits_net=Sizes(2, (32,), (False,), context=16),
    judged=100,
    scales=(1.0, 1.5),
    shapes=Plan(100, 16, 3e-3),
    pixels=16,
    sizes=("large",),
    shapes_net=Sizes(4, (32,), (False,), context=32),
    readers=1,
    asked=12,
    clip=Plan(200, 48, 3e-3),
    towers=Towers(32, 1, 8),
    objects=Objects(
        Looker((16, 32), (1, 1), (1, 2), (4, 2)),
        Plan(200, 32, 5e-3, muon=0.03),
        Sizes(4, (32,), (False,), context=16),
        Plan(100, 16, 3e-3),
        judged=60,
        calls=4,
        guidance=1.5,
        scales=(1.0, 1.5),
    ),
    calls=4,
    things=(1,),
    pairs=(1,),
    each=(10, 0),
)
DEFAULT = Setting(
    "default",
    floor=Plan(3000, 512, 4e-3),
    floor_width=128,
    digits=Plan(1000, 32, 3e-3),
    guidance=3.0,
    scales=(1.0, 3.0),
    digits_net=Sizes(4, (64,), (True,)),
    judged=200,
    shapes=Plan(1000, 16, 2e-3, muon=0.02),
    pixels=16,
    sizes=("large",),  # small ones are four pixels wide here
    shapes_net=Sizes(2, (64,), (True,)),
    readers=1,
    asked=100,
    clip=Plan(800, 128, 2e-3),
    towers=Towers(64, 2, 8),
    objects=Objects(
        Looker((32, 64, 128), (1, 1, 1), (1, 2, 2), (4, 2)),
        Plan(250, 64, 5e-3, muon=0.03),
        Sizes(4, (64,), (True,)),
        Plan(450, 32, 2e-3, muon=0.02),
        judged=200,
        calls=12,
        guidance=3.0,
        scales=(1.0, 3.0),
    ),
    # Ten minutes are over with these; ``--parts objects`` is for who has four more.
    parts=("floor", "digits", "shapes", "clip"),
    calls=10,
    things=(1,),
    each=(100, 2),
)
FULL = Setting(
    "full",
    floor=Plan(6000, 2048, 3e-3),
    floor_width=128,
    digits=Plan(5000, 256, 1e-3, half=True),
    digits_net=Sizes(2, (64, 128), (False, True), 2, 128),
    guidance=1.0,
    scales=(1.0, 1.5, 2.0),
    judged=4000,
    shapes=Plan(5000, 256, 1e-3, half=True),
    shapes_net=Sizes(2, (64, 128), (False, True), context=96),
    readers=2,
    asked=500,
    clip=Plan(4000, 256, 1e-3),  # cosines times 100 need the digits of float32
    towers=Towers(128, 4, 4),
    objects=Objects(
        Looker((64, 128, 256), (1, 1, 1), (1, 2, 2), (3, 1), hole=8),
        Plan(1200, 256, 5e-3, muon=0.03, compile=False),
        Sizes(2, (96, 192, 256), (False, True, True), context=128),
        # Compiling three levels takes longer than what it saves in so few steps.
        Plan(2000, 256, 1e-3, half=True, muon=0.02, compile=False),
        judged=2000,
        calls=30,
        guidance=1.5,
        scales=(1.0, 1.5, 2.0, 3.0),
    ),
    each=(200, 8),
    latent=Latent(
        AutoencoderConfig(channels=(32, 64, 128), layers=1, groups=8, scaling=1.0),
        Plan(2000, 128, 1e-3, half=True),
        Sizes(1, (96, 128), (True, True), context=96),
        Plan(5000, 256, 1e-3, half=True),
    ),
)
# The networks of the full setting where nothing is trained, and fewer of their pictures.
SHOWN = replace(FULL, name="trained", judged=500, asked=100, calls=10, latent=None)
