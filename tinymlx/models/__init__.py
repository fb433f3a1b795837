"""Whole networks, built of the layers of :mod:`tinymlx.nn`: one file for each family.

Those for pictures (chapter 7):

====================  =====================================================================
:mod:`.lenet`         LeNet-5, the network that read cheques
:mod:`.vgg`           stacks of 3 x 3 convolutions between poolings
:mod:`.resnet`        residual networks in the form for small pictures
:mod:`.depth`         stochastic depth: whole branches that are left out in training
:mod:`.vit`           transformers for small pictures (chapter 16)
:mod:`.efficientnet`  inverted residuals, with published weights (chapter 16)
====================  =====================================================================

Those that make pictures (chapter 9):

=======================  ==========================================================
:mod:`.perceptron`       linear layers
:mod:`.dcgan`            convolutions and transposed ones
:mod:`.conditional_gan`  the same, asked for a class
:mod:`.mixture_gan`      the same, with latent vectors in several clouds
=======================  ==========================================================

Those that draw what they have seen (chapter 10):

===================  ==============================================================
:mod:`.autoencoder`  tied, dense and convolutional autoencoders
:mod:`.vae`          variational autoencoders, also with a label
:mod:`.vqvae`        a code of whole numbers
===================  ==============================================================

Those that make pictures of noise and words: :mod:`.latent_diffusion` and :mod:`.clip` (chapter 13).

Those that read sequences: :mod:`.recurrent`, :mod:`.char_rnn` and their kin (chapter 8),
:mod:`.caches`, :mod:`.feed_forward`, :mod:`.decoder`, :mod:`.induction` for attention (chapter 11),
:mod:`.language`, the families of models that are published, and :mod:`.lora`, which adapts them
(chapter 12).

Every network that tells pictures apart has two parts, ``features(x)``, ``(N, H, W, C)`` (of a
transformer ``(N, T, C)``), and ``head(features)``, the logits; calling it is one after the other.
"""

from .depth import StochasticDepth
from .language import load
from .lenet import LeNet
from .resnet import BasicBlock, PreActivationBlock, ResNet
from .vgg import VGG

__all__ = ["VGG", "BasicBlock", "LeNet", "PreActivationBlock", "ResNet", "StochasticDepth", "load"]
