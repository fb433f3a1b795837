"""Whole pipelines with two text towers against diffusers: the same noise, the same picture."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
import transformers

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

RNG = np.random.default_rng(0)
TOWER = {
    "vocab_size": 30,
    "intermediate_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "max_position_embeddings": 8,
    "eos_token_id": 29,
    "initializer_factor": 5.0,
}
FIRST = {**TOWER, "hidden_size": 12, "projection_dim": 6}
SECOND = {**TOWER, "hidden_size": 8, "projection_dim": 10, "hidden_act": "gelu"}
XL = {
    "block_out_channels": (8, 16),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "cross_attention_dim": 20,
    "norm_num_groups": 4,
    "attention_head_dim": [1, 2],
    "transformer_layers_per_block": [1, 2],
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + 10,
}
JOINT = {
    "sample_size": 8,
    "patch_size": 2,
    "in_channels": 4,
    "out_channels": 4,
    "num_layers": 2,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
    "caption_projection_dim": 16,
    "pooled_projection_dim": 16,
    "pos_embed_max_size": 8,
}


@pytest.fixture(scope="module", autouse=True)
def solutions(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def ids(x: Any) -> Any:
    from tinymlx import core

    return core.array(np.asarray(x))


def lively(model: Any, seed: int = 1) -> Any:
    """Gains, biases and all, so that nothing is 0 or 1 by chance."""
    torch.manual_seed(seed)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 0.3, 0.3)
    return model.eval()


def projected(sizes: dict[str, Any], seed: int) -> Any:
    torch.manual_seed(seed)
    config = transformers.CLIPTextConfig(**sizes)
    return lively(transformers.CLIPTextModelWithProjection(config), seed)


def autoencoder(**options: Any) -> Any:
    return lively(
        diffusers.AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=4,
            **options,
        )
    )


def saved(folder: Path, **parts: Any) -> None:
    for name, part in parts.items():
        part.save_pretrained(folder / name)


def sentences() -> np.ndarray:
    tokens = RNG.integers(1, 28, (2, 8))
    tokens[0, 7] = tokens[1, 4] = 29
    return tokens


def of_both(first: Any, second: Any, tokens: np.ndarray) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():
        a, b = (t(torch.tensor(tokens), output_hidden_states=True) for t in (first, second))
    words = torch.cat([a.hidden_states[-2], b.hidden_states[-2]], -1)
    return words, getattr(a, "text_embeds", None), b.text_embeds


def both(tokens: np.ndarray) -> tuple[Any, Any]:
    return ids(tokens), ids(tokens)


def drawn(pipe: Any, told: Any, unwanted: Any, noise: np.ndarray, guidance: float) -> np.ndarray:
    """Pictures of a pipeline of diffusers in five steps; words and vectors come in pairs."""
    pipe.set_progress_bar_config(disable=True)
    with torch.no_grad():
        pictures = pipe(
            prompt_embeds=told[0],
            pooled_prompt_embeds=told[1],
            negative_prompt_embeds=unwanted[0],
            negative_pooled_prompt_embeds=unwanted[1],
            latents=torch.tensor(noise),
            height=2 * noise.shape[2],
            width=2 * noise.shape[3],
            num_inference_steps=5,
            guidance_scale=guidance,
            output_type="np",
        ).images
    assert np.std(pictures) > 0.02, "a picture of one colour tells nothing"
    return pictures


@pytest.mark.parametrize("unwanted", [True, False])
def test_xl(unwanted: bool, tmp_path: Path) -> None:
    from tinymlx.models.latent_diffusion.two_towers import TextToImageXL

    torch.manual_seed(0)
    first = lively(transformers.CLIPTextModel(transformers.CLIPTextConfig(**FIRST)))
    second = projected(SECOND, 2)
    unet, vae = lively(diffusers.UNet2DConditionModel(**XL)), autoencoder()
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    saved(
        tmp_path,
        text_encoder=first,
        text_encoder_2=second,
        unet=unet,
        vae=vae,
        scheduler=scheduler,
    )
    pipe = diffusers.StableDiffusionXLPipeline(
        vae, first, second, None, None, unet, scheduler, add_watermarker=False
    )
    tokens, nothing = sentences(), sentences()
    words, _, pooled = of_both(first, second, tokens)
    no_words, _, no_pooled = of_both(first, second, nothing)
    if not unwanted:
        no_words, no_pooled = torch.zeros_like(words), torch.zeros_like(pooled)
    noise = RNG.normal(size=(2, 4, 8, 16)).astype(np.float32)
    expected = drawn(pipe, (words, pooled), (no_words, no_pooled), noise, 4.0)
    ours = TextToImageXL.load(tmp_path)
    without = both(nothing) if unwanted else None
    found = ours(both(tokens), without, ids(noise.transpose(0, 2, 3, 1)), 5, 4.0)
    np.testing.assert_allclose(np.array(found), expected, atol=1e-3)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow(shift: float, tmp_path: Path) -> None:
    from tinymlx.models.latent_diffusion.two_towers import TextToImageFlow

    first, second = projected(FIRST, 1), projected(SECOND, 2)
    torch.manual_seed(0)
    transformer = lively(diffusers.SD3Transformer2DModel(**JOINT))
    vae = autoencoder(
        use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06, scaling_factor=1.5
    )
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    saved(
        tmp_path,
        text_encoder=first,
        text_encoder_2=second,
        transformer=transformer,
        vae=vae,
        scheduler=scheduler,
    )
    pipe = diffusers.StableDiffusion3Pipeline(
        transformer, scheduler, vae, first, None, second, None, None, None
    )

    def told(tokens: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        words, a, b = of_both(first, second, tokens)
        words = torch.nn.functional.pad(words, (0, 24 - words.shape[-1], 0, 256))
        return words, torch.cat([a, b], -1)

    tokens, nothing = sentences(), sentences()
    (words, pooled), (no_words, no_pooled) = told(tokens), told(nothing)
    noise = RNG.normal(size=(2, 4, 8, 12)).astype(np.float32)
    expected = drawn(pipe, (words, pooled), (no_words, no_pooled), noise, 3.0)
    ours = TextToImageFlow.load(tmp_path)
    found = ours(both(tokens), both(nothing), ids(noise.transpose(0, 2, 3, 1)), 5, 3.0)
    np.testing.assert_allclose(np.array(found), expected, atol=1e-3)


def test_times_are_the_published_ones() -> None:
    from tinymlx.models.latent_diffusion.two_towers import published_times

    for shift in (1.0, 3.0):
        for count in (1, 2, 28):
            scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
            scheduler.set_timesteps(count)
            times = published_times(count, shift)
            np.testing.assert_allclose(times, scheduler.sigmas.numpy(), atol=1e-6)
    for wrong in ((0, 1.0), (2, 0.0)):
        with pytest.raises(ValueError, match=r"\[published_times\]"):
            published_times(*wrong)


def test_a_part_that_is_missing(tmp_path: Path) -> None:
    from tinymlx.models.latent_diffusion.two_towers import TextToImageFlow, load_projected_tower

    saved(tmp_path, text_encoder=projected(FIRST, 1))
    with pytest.raises(ValueError, match="scheduler_config"):
        TextToImageFlow.load(tmp_path)
    saved(tmp_path, scheduler=diffusers.FlowMatchEulerDiscreteScheduler())
    with pytest.raises(ValueError, match="text_encoder_2"):
        TextToImageFlow.load(tmp_path)
    shutil.copytree(tmp_path / "text_encoder", tmp_path / "text_encoder_2")
    torch.manual_seed(0)
    plain = transformers.CLIPTextModel(transformers.CLIPTextConfig(**FIRST))
    plain.save_pretrained(tmp_path / "text_encoder_2")
    with pytest.raises(ValueError, match="do not fit the sizes"):
        load_projected_tower(tmp_path / "text_encoder_2")
