"""What published weights of half precision take while they are loaded: once their size."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import mlx.core as mx
import pytest
import transformers

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module", autouse=True)
def solutions(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


TOWER = {"hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 4}
LLAMA = {**TOWER, "vocab_size": 4000, "num_hidden_layers": 4}


def made(kind: str) -> Any:
    """A model of some megabytes, of the library that publishes its kind."""
    if kind == "Llama":
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(**LLAMA))
    if kind == "GPT-2":
        sizes = {"n_embd": 256, "n_layer": 4, "n_head": 4, "vocab_size": 4000}
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes))
    if kind == "CLIP":
        vision = {**TOWER, "image_size": 32, "patch_size": 8}
        config = transformers.CLIPConfig(text_config=TOWER, vision_config=vision)
        return transformers.CLIPModel(config)
    sizes = {"block_out_channels": (64, 128)}
    if kind == "autoencoder":
        blocks = {"down_block_types": ("DownEncoderBlock2D",) * 2}
        return diffusers.AutoencoderKL(**sizes, **blocks, up_block_types=("UpDecoderBlock2D",) * 2)
    return diffusers.UNet2DConditionModel(
        **sizes,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=128,
    )


def loaded(kind: str, folder: Path) -> Any:
    from tinymlx.models.clip import CLIP
    from tinymlx.models.language import load_model
    from tinymlx.models.latent_diffusion import load_autoencoder, load_unet

    readers = {"CLIP": CLIP.load, "U-Net": load_unet, "autoencoder": load_autoencoder}
    return readers.get(kind, load_model)(folder)


@pytest.mark.parametrize("kind", ["Llama", "GPT-2", "CLIP", "U-Net", "autoencoder"])
def test_weights_are_in_memory_once(kind: str, tmp_path: Path) -> None:
    """Neither the random weights of the new model nor a copy in another layout or dtype."""
    from tinymlx import core
    from tinymlx.utils import tree_flatten

    made(kind).half().save_pretrained(tmp_path)
    mx.clear_cache()
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    leaves = [leaf for _, leaf in tree_flatten(loaded(kind, tmp_path).parameters())]
    core.eval(leaves)
    size = sum(leaf.nbytes for leaf in leaves)
    assert size > 1e6 and all(str(leaf.dtype).endswith("float16") for leaf in leaves)
    assert mx.get_peak_memory() - before < 1.1 * size
