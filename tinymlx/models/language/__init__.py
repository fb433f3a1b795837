"""Language models in the form in which they are published: names, shapes and files fit.

===================  ==============================================================
:mod:`.gpt2`         GPT-2: learned positions, layer norm in front, gelu
:mod:`.llama`        Llama 2 and 3, Mistral, Qwen 2 and 3: rotations, RMS norm, gates
:mod:`.rotations`    rotations for texts longer than a model was trained on
:mod:`.masks`        who may ask whom: causal, padded on the left, in a window
:mod:`.weights`      files of weights, read with care
:mod:`.loading`      a folder as it is published, to a model
===================  ==============================================================
"""

from .gpt2 import GPT2
from .llama import Llama
from .loading import load, load_model

__all__ = ["GPT2", "Llama", "load", "load_model"]
