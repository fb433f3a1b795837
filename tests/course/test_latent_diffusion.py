"""U-Net and autoencoder against diffusers on small random configurations."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

RNG = np.random.default_rng(0)
SMALL = {
    "block_out_channels": (8, 16, 24),
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 2,
    "cross_attention_dim": 12,
    "norm_num_groups": 4,
}
KINDS: dict[str, dict[str, Any]] = {
    "1.5": {**SMALL, "attention_head_dim": 2},
    "2.1": {**SMALL, "attention_head_dim": [2, 4, 6], "use_linear_projection": True},
    "XL": {
        **SMALL,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": [1, 2, 3],
        "transformer_layers_per_block": [1, 2, 3],
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + 10,
    },
}


@pytest.fixture(scope="module", autouse=True)
def solutions(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def ids(x: Any) -> Any:
    from tinymlx import core

    return core.array(np.asarray(x))


def close(ours: Any, expected: torch.Tensor) -> None:
    found = np.array(ours)
    if found.ndim == 4:
        found = found.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-4, atol=1e-4)


def lively(model: Any) -> Any:
    """Gains, biases and all, so that nothing is 0 or 1 by chance."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 0.3, 0.3)
    return model.eval()


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_unet(kind: str, tmp_path: Path) -> None:
    from tinymlx.models.latent_diffusion import load_unet

    torch.manual_seed(0)
    theirs = lively(diffusers.UNet2DConditionModel(**KINDS[kind]))
    theirs.save_pretrained(tmp_path)
    ours = load_unet(tmp_path)
    x, context, steps = normal(2, 4, 8, 12), normal(2, 5, 12), np.array([7, 981])
    more, extra = {}, {}
    if kind == "XL":
        sizes, pooled = np.array([[64, 64, 0, 0, 64, 64], [32, 48, 1, 2, 64, 64]]), normal(2, 10)
        more = {"sizes": ids(sizes), "pooled": ids(pooled)}
        condition = {"time_ids": torch.tensor(sizes), "text_embeds": torch.tensor(pooled)}
        extra = {"added_cond_kwargs": condition}
    with torch.no_grad():
        expected = theirs(*map(torch.tensor, (x, steps, context)), **extra).sample
    close(ours(ids(x.transpose(0, 2, 3, 1)), ids(steps), ids(context), **more), expected)
    with pytest.raises(ValueError, match="multiples of 4; they are 8 and 10"):
        ours(ids(normal(1, 8, 10, 4)), ids(steps[:1]), ids(context[:1]), **more)


def test_every_gradient_of_the_unet(tmp_path: Path) -> None:
    from tinymlx import core, nn
    from tinymlx.models.latent_diffusion import load_unet
    from tinymlx.models.latent_diffusion.loading import sanitized
    from tinymlx.utils import tree_flatten

    torch.manual_seed(0)
    theirs = lively(diffusers.UNet2DConditionModel(**KINDS["1.5"]))
    theirs.save_pretrained(tmp_path)
    ours = load_unet(tmp_path)
    x, context, g = normal(2, 4, 8, 8), normal(2, 5, 12), normal(2, 4, 8, 8)
    steps = np.array([3, 500])
    output = theirs(*map(torch.tensor, (x, steps, context))).sample
    (output * torch.tensor(g)).sum().backward()
    given = ids(x.transpose(0, 2, 3, 1)), ids(steps), ids(context)
    weighted = lambda: core.sum(ours(*given) * ids(g.transpose(0, 2, 3, 1)))  # noqa: E731
    _, gradients = nn.value_and_grad(ours, weighted)()
    found = dict(tree_flatten(gradients))
    expected = sanitized({n: ids(p.grad.numpy()) for n, p in theirs.named_parameters()})
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        scale = max(float(np.abs(np.array(gradient)).max()), 1e-2)
        difference = np.abs(np.array(found[name]) - np.array(gradient)).max() / scale
        assert difference < 1e-3, (name, difference)


@pytest.mark.parametrize("norm", [None, "rms_norm"])
def test_joint_transformer(norm: str | None, tmp_path: Path) -> None:
    """The model of Stable Diffusion 3, which follows straight lines."""
    from tinymlx.models.latent_diffusion import load_transformer

    torch.manual_seed(0)
    theirs = lively(
        diffusers.SD3Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=3,
            attention_head_dim=8,
            num_attention_heads=3,
            joint_attention_dim=20,
            caption_projection_dim=24,
            pooled_projection_dim=14,
            pos_embed_max_size=9,
            qk_norm=norm,
        )
    )
    theirs.save_pretrained(tmp_path)
    ours = load_transformer(tmp_path)
    x, context, pooled = normal(2, 4, 8, 12), normal(2, 5, 20), normal(2, 14)
    steps = np.array([31.5, 900.0], np.float32)
    with torch.no_grad():
        arrays = map(torch.tensor, (x, context, pooled, steps))
        expected = theirs(*arrays).sample
    given = (ids(a) for a in (steps, context, pooled))
    close(ours(ids(x.transpose(0, 2, 3, 1)), *given), expected)
    for shape, words in (((1, 7, 8, 4), "multiples of 2"), ((1, 20, 8, 4), "more than the 9 x 9")):
        with pytest.raises(ValueError, match=words):
            ours(ids(normal(*shape)), *(ids(a[:1]) for a in (steps, context, pooled)))


@pytest.mark.parametrize("quantized", [True, False])
def test_autoencoder(quantized: bool, tmp_path: Path) -> None:
    from tinymlx.models.latent_diffusion import load_autoencoder

    torch.manual_seed(0)
    theirs = lively(
        diffusers.AutoencoderKL(
            block_out_channels=(8, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            layers_per_block=2,
            norm_num_groups=4,
            latent_channels=3,
            use_quant_conv=quantized,
            use_post_quant_conv=quantized,
            shift_factor=None if quantized else 0.06,
            scaling_factor=0.4,
        )
    )
    theirs.save_pretrained(tmp_path)
    ours = load_autoencoder(tmp_path)
    x, noise = normal(2, 3, 16, 24), normal(2, 3, 4, 6)
    with torch.no_grad():
        there = theirs.encode(torch.tensor(x)).latent_dist
        z = there.mean + there.std * torch.tensor(noise)
        z = (z - (0 if quantized else 0.06)) * 0.4
        back = theirs.decode(z / 0.4 + (0 if quantized else 0.06)).sample
    mean, log_variance = ours.distribution(ids(x.transpose(0, 2, 3, 1)))
    close(mean, there.mean)
    close(log_variance, there.logvar)
    found = ours.encode(ids(x.transpose(0, 2, 3, 1)), ids(noise.transpose(0, 2, 3, 1)))
    close(found, z)
    close(ours.decode(found), back)


@pytest.mark.parametrize("dims", [1, 6, 7, 320])
def test_steps_as_numbers(dims: int) -> None:
    from diffusers.models.embeddings import get_timestep_embedding

    from tinymlx.models.latent_diffusion import step_embedding

    steps = np.array([0.0, 1.0, 999.0, 0.5])
    if dims == 1:
        with pytest.raises(ValueError, match="dims should be at least 2"):
            step_embedding(ids(steps), 1)
        return
    expected = get_timestep_embedding(
        torch.tensor(steps), dims, flip_sin_to_cos=True, downscale_freq_shift=0
    )
    # Angles of up to 1000 in float32 are good to 6e-5.
    found = np.array(step_embedding(ids(steps.astype(np.float32)), dims))
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-4)


def test_broken_folders(tmp_path: Path) -> None:
    from tinymlx.models.latent_diffusion import load_autoencoder, load_unet

    theirs = diffusers.UNet2DConditionModel(**KINDS["1.5"])
    theirs.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="holds a UNet2DConditionModel, and no AutoencoderKL"):
        load_autoencoder(tmp_path)
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    config = json.loads((tmp_path / "config.json").read_text())
    for name, value, words in (
        ("resnet_time_scale_shift", "scale_shift", "is not known"),
        ("block_out_channels", [8, 16, 32], "do not fit"),
        ("block_out_channels", "x", r"config\.json has an entry"),
        ("layers_per_block", None, r"config\.json has an entry"),
        ("attention_head_dim", 0, "multiples of heads"),
        ("mid_block_type", None, "is not known"),
        ("mid_block_scale_factor", 2, "is not known"),
        ("downsample_padding", 0, "is not known"),
        ("center_input_sample", True, "is not known"),
        ("timestep_post_act", "silu", "is not known"),
        ("addition_embed_type", "text", "is not known"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, name: value}))
        with pytest.raises(ValueError, match=words):
            load_unet(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    file.rename(tmp_path / "diffusion_pytorch_model.bin")
    with pytest.raises(ValueError, match="is a pickle, which is not read"):
        load_unet(tmp_path)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_the_whole_way_from_words_to_a_picture(kind: str, tmp_path: Path) -> None:
    import transformers

    from tinymlx.models.latent_diffusion.pipeline import TextToImage

    torch.manual_seed(0)
    sizes = {
        "vocab_size": 30,
        "hidden_size": 12,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 8,
        "eos_token_id": 29,
        "initializer_factor": 5.0,
    }
    text = lively(transformers.CLIPTextModel(transformers.CLIPTextConfig(**sizes)))
    unet = lively(diffusers.UNet2DConditionModel(**KINDS["1.5"]))
    vae = lively(
        diffusers.AutoencoderKL(
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=4,
        )
    )
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=kind,
    )
    pipe = diffusers.StableDiffusionPipeline(
        vae, text, None, unet, scheduler, None, None, requires_safety_checker=False
    )
    pipe.set_progress_bar_config(disable=True)
    for name, part in (("text_encoder", text), ("unet", unet), ("vae", vae)):
        part.save_pretrained(tmp_path / name)
    scheduler.save_pretrained(tmp_path / "scheduler")
    tokens, nothing = RNG.integers(1, 28, (2, 8)), RNG.integers(1, 28, (2, 8))
    tokens[:, 7] = nothing[:, 7] = 29
    noise = normal(2, 4, 8, 8)
    with torch.no_grad():
        words, none = (text(torch.tensor(t)).last_hidden_state for t in (tokens, nothing))
        expected = pipe(
            prompt_embeds=words,
            negative_prompt_embeds=none,
            latents=torch.tensor(noise),
            height=16,
            width=16,
            num_inference_steps=5,
            guidance_scale=4.0,
            output_type="np",
        ).images
    ours = TextToImage.load(tmp_path)
    found = ours(ids(tokens), ids(nothing), ids(noise.transpose(0, 2, 3, 1)), 5, 4.0)
    np.testing.assert_allclose(np.array(found), expected, atol=1e-3)
    assert np.std(expected) > 0.02, "a picture of one colour tells nothing"
