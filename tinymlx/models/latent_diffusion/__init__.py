"""Latent diffusion with the published names and shapes: Stable Diffusion 1.5, 2.1, XL and 3.

===================  ==============================================================
:mod:`.embedding`    a number of a step as sines and cosines
:mod:`.blocks`       residual blocks; half and twice the size
:mod:`.transformer`  attention among the places of a map, and to the words of a text
:mod:`.unet`         down, through the middle, and up again
:mod:`.joint`        places and words in one Transformer, for flow
:mod:`.autoencoder`  pictures to small maps and back
:mod:`.loading`      a folder as it is published, to a model
:mod:`.pipeline`     from words to a picture, with one text tower
:mod:`.two_towers`   the same with two: XL and 3
===================  ==============================================================
"""

from .autoencoder import AutoencoderConfig, AutoencoderKL
from .embedding import step_embedding
from .joint import JointConfig, JointTransformer
from .loading import load_autoencoder, load_transformer, load_unet
from .unet import UNet, UNetConfig

__all__ = [
    "AutoencoderConfig",
    "AutoencoderKL",
    "JointConfig",
    "JointTransformer",
    "UNet",
    "UNetConfig",
    "load_autoencoder",
    "load_transformer",
    "load_unet",
    "step_embedding",
]
