"""Chapter 10's library against scikit-image and SciPy, and what of it is given to the student."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import logistic
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from course.cli.project import implementation
from course.grading.compare import agree
from course.paths import Project
from course.registry import Registry

RANDOM = np.random.default_rng(10)


@pytest.fixture(scope="module")
def library(project: Project, registry: Registry) -> Iterator[SimpleNamespace]:
    with implementation(project, registry, "solutions"):
        from tinymlx import compression, core, latent
        from tinymlx.models import autoencoder, vae, vqvae

        yield SimpleNamespace(
            core=core,
            latent=latent,
            compression=compression,
            vae=vae,
            vqvae=vqvae,
            autoencoder=autoencoder,
        )


def as_numpy(x: object) -> np.ndarray:
    return np.array(x.tolist(), np.float32)  # type: ignore[attr-defined]


@pytest.mark.parametrize("peak", [1.0, 255.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_measures_of_pictures_are_those_of_scikit_image(
    library: SimpleNamespace, peak: float, channels: int
) -> None:
    x = RANDOM.uniform(0, 1, (3, 24, 19, channels))
    y = np.clip(x + RANDOM.normal(0, 0.2, x.shape), 0, 1)
    x, y = ((peak * a).astype(np.float32) for a in (x, y))
    a, b = library.core.array(x), library.core.array(y)
    pairs = list(zip(x.astype(float), y.astype(float), strict=True))
    found = [peak_signal_noise_ratio(p, q, data_range=peak) for p, q in pairs]
    assert agree(as_numpy(library.latent.quality.psnr(a, b, peak)), np.array(found), terms=1000)
    options = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": peak,
        "channel_axis": -1,
    }
    found = [structural_similarity(p, q, **options) for p, q in pairs]
    # Variances are differences of squares, divided again: errors grow tenfold.
    assert agree(as_numpy(library.latent.quality.ssim(a, b, peak)), np.array(found), terms=10**5)


def test_levels_are_those_of_scipys_logistic(library: SimpleNamespace) -> None:
    x = np.arange(256) / 255
    edges = np.concatenate([[-np.inf], x[1:] - 0.5 / 255, [np.inf]])
    expected = np.log(np.diff(logistic.cdf(edges, 0.4, 0.2)))
    core = library.core
    log_scale = core.array(math.log(0.2))
    found = library.latent.likelihoods.discretized_logistic(
        core.array(0.4), log_scale, core.array(x.astype(np.float32))
    )
    assert agree(as_numpy(found), expected, terms=1000)


def test_sparse_and_noisy(library: SimpleNamespace) -> None:
    core, corruption = library.core, library.latent.corruption
    units = RANDOM.uniform(0.05, 0.6, (8, 5)).astype(np.float32)
    mean = torch.from_numpy(units).double().mean(0)
    asked, found = (torch.distributions.Bernoulli(p) for p in (torch.full_like(mean, 0.1), mean))
    expected = torch.distributions.kl_divergence(asked, found).sum().numpy()
    assert agree(as_numpy(corruption.sparsity(core.array(units), 0.1)), expected, terms=40)
    # The deviation of 40,000 numbers is off by 3 % in one of 10^17 runs.
    noise = as_numpy(corruption.noisy(core.zeros((200, 200)), 0.5, core.random.key(3)))
    assert abs(noise.std() - 0.5) < 0.015
    half = corruption.noisy(core.zeros((2, 2), core.float16), 0.5)
    assert half.dtype == core.float16


def test_walks(library: SimpleNamespace) -> None:
    core, walks = library.core, library.latent.walks
    a, b = (core.array(RANDOM.normal(size=6).astype(np.float32)) for _ in range(2))
    for walk in (walks.straight, walks.along_the_sphere):
        path = as_numpy(walk(a, b, 5))
        assert path.shape == (5, 6)
        assert agree(path[0], as_numpy(a)) and agree(path[-1], as_numpy(b))
    a, b = (x / core.linalg.norm(x) for x in (a, b))
    arc = as_numpy(walks.along_the_sphere(a, b, 7)).astype(float)
    assert agree(np.linalg.norm(arc, axis=1).astype(np.float32), np.ones(7), terms=6)
    steps = np.sum(arc[1:] * arc[:-1], axis=1)
    assert agree(steps.astype(np.float32), np.full(6, steps.mean()), terms=6)
    assert agree(as_numpy(walks.along_the_sphere(a, a, 3)), np.stack([as_numpy(a)] * 3))
    moved = as_numpy(walks.traversal(a, 2, core.array([-1.0, 5.0])))
    assert moved[:, 2].tolist() == [-1, 5]
    assert agree(np.delete(moved, 2, 1), np.stack([np.delete(as_numpy(a), 2)] * 2))


def test_a_linear_model_at_its_best_has_no_gap(library: SimpleNamespace) -> None:
    core = library.core
    x = core.array((RANDOM.normal(size=(60, 2)) @ RANDOM.normal(size=(2, 5))).astype(np.float32))
    x = x + 0.4 * core.random.normal(x.shape, key=core.random.key(1))
    best = library.latent.probabilistic_pca.ProbabilisticPCA(x, 2)
    zero, variance = best.posterior(core.zeros((1, 5)))
    one, _ = best.posterior(core.eye(5))
    model = library.vae.LinearVAE(5, 2)
    model.encoder.weight, model.encoder.bias = (one - zero).T, zero[0]
    model.decoder.weight, model.decoder.bias = best.weight, best.mean
    model.log_variance = core.log(variance)
    model.log_noise = core.log(core.array(best.noise))
    found = model.bound(x, core.random.normal((60, 2)))
    assert agree(as_numpy(found), as_numpy(best.log_likelihood(x)), terms=10**5)


@pytest.mark.parametrize("moving", [True, False])
def test_pictures_in_a_file(library: SimpleNamespace, moving: bool) -> None:
    core, pictures = library.core, library.compression.pictures
    model = library.vqvae.VQVAE(16, 4, 4, moving=moving)
    x = core.random.uniform(shape=(7, 12, 8, 1), key=core.random.key(0))
    model(x)  # in training mode the moving codebook follows
    model.eval()
    vectors = as_numpy(model.vectors)
    back, _, codes = model(x)
    assert np.array_equal(vectors, as_numpy(model.vectors))
    data, bits = pictures.compress(model, x, batch_size=3)
    assert np.array_equal(as_numpy(pictures.decompress(model, data)), as_numpy(model.drawn(codes)))
    assert agree(as_numpy(model.drawn(codes)), as_numpy(back), terms=1000)
    assert bits / 8 <= len(data) - 34 <= bits / 8 + 2
    with pytest.raises(ValueError, match="damaged"):
        pictures.decompress(model, data[:-1])
    other = library.vqvae.VQVAE(16, 4, 4, moving=moving)
    with pytest.raises(ValueError, match="model"):
        pictures.decompress(other, data)


def test_tables_that_learn(library: SimpleNamespace) -> None:
    adaptive = library.compression.adaptive
    rows = [[0, 3, int(RANDOM.integers(0, 5))] for _ in range(3000)]
    data, bits = adaptive.coded(rows, 5)
    assert adaptive.decoded(data, 3000, 3, 5) == rows
    # Two columns that never change cost next to nothing, the third log2 5 bits each.
    assert bits / 3000 < math.log2(5) + 0.05 and len(data) <= bits / 8 + 2
    assert adaptive.coded([], 5)[1] == 0


def test_the_codebook_is_not_trained(library: SimpleNamespace) -> None:
    model = library.vqvae.VQVAE(8, 4, 4)
    assert not model.trainable_parameters().get("book")
    model.book.unfreeze()
    assert not model.trainable_parameters().get("book")
    assert "codebook" in library.vqvae.VQVAE(8, 4, 4, moving=False).trainable_parameters()


def test_models_for_pictures(library: SimpleNamespace) -> None:
    core = library.core
    x = core.random.uniform(shape=(2, 9, 6, 1))
    sparse = library.autoencoder.DenseAutoencoder(54, 8, 5, sparse=True)
    code = as_numpy(sparse.encode(x.reshape(2, -1)))
    assert code.shape == (2, 5) and code.min() > 0 and code.max() < 1
    assert sparse(x.reshape(2, -1)).shape == (2, 54)
    for model in (
        library.vae.ConvVAE((9, 6), (1, 3, 4), 8, 3, dropout=0.2),
        library.vae.VAE((9, 6, 1), (8, 7), 3, dropout=0.2),
    ):
        mean, log_variance = model.encode(x)
        assert mean.shape == log_variance.shape == (2, 3)
        assert model.decode(core.zeros((4, 2, 3))).shape == (4, 2, 9, 6, 1)
