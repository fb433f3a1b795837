"""Schedules and samplers, step by step against diffusers; the optimum against its definition."""

from collections.abc import Iterator
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 4, 2)).astype(np.float32)
NOISE = RNG.normal(size=X.shape).astype(np.float32)
SHAPES = {"linear": {"beta_start": 1e-4, "beta_end": 0.02}, "scaled_linear": {},
          "squaredcos_cap_v2": {}}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def solutions(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def ids(x: Any) -> Any:
    from tinymlx import core

    return core.array(np.asarray(x))


def close(ours: Any, expected: Any, tolerance: float = 1e-4) -> None:
    np.testing.assert_allclose(np.array(ours), np.asarray(expected), rtol=tolerance, atol=tolerance)


def theirs(kind: str, shape: str = "linear", **options: Any) -> Any:
    betas = SHAPES[shape] or {"beta_start": 0.00085, "beta_end": 0.012}
    options = {"clip_sample": False, **options} if kind in ("DDPM", "DDIM") else options
    scheduler = getattr(diffusers, f"{kind}Scheduler")
    return scheduler(num_train_timesteps=1000, beta_schedule=shape, **betas, **options)


def signal_of(shape: str) -> Any:
    from tinymlx.diffusion import schedules

    names = {"linear": "linear", "scaled_linear": "scaled_linear", "squaredcos_cap_v2": "cosine"}
    return getattr(schedules, f"{names[shape]}_signal")()


def model(x: Any, t: Any) -> Any:
    """What stands for a network: smooth, and different at each step."""
    return 0.7 * np.tanh(np.asarray(x) * (1 + 0.001 * float(t))) + 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_schedules(shape: str) -> None:
    from tinymlx.diffusion.schedules import zero_terminal

    signal = signal_of(shape)
    close(signal, theirs("DDPM", shape).alphas_cumprod)
    zero = zero_terminal(signal)
    expected = theirs("DDPM", shape, rescale_betas_zero_snr=True).alphas_cumprod
    close(zero, expected)
    assert zero[-1].item() == 0 and abs(zero[0].item() - signal[0].item()) < 1e-6


@pytest.mark.parametrize("shape", SHAPES)
def test_noise_is_added_at_once(shape: str) -> None:
    from tinymlx.diffusion.forward import noisy, signal_to_noise

    steps = np.array([0, 500, 999])
    expected = theirs("DDPM", shape).add_noise(*map(torch.tensor, (X, NOISE, steps)))
    close(noisy(ids(X), ids(NOISE), signal_of(shape), ids(steps)), expected)
    a = np.array(signal_of(shape), np.float64)
    close(signal_to_noise(signal_of(shape)), a / (1 - a), 1e-3)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("count", [1, 7, 20, 50, 999, 1000])
def test_places(spacing: str, count: int) -> None:
    from tinymlx.diffusion.places import places

    scheduler = theirs("DDIM", timestep_spacing=spacing)
    scheduler.set_timesteps(count)
    found = places(1000, count, spacing)
    if spacing == "linspace" and count == 1:
        assert found == [999]  # diffusers has 0, where there is nothing to denoise
    else:
        assert found == scheduler.timesteps.tolist()
    with pytest.raises(ValueError, match="count"):
        places(1000, 0, spacing)


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("sampler", ["DDPM", "DDIM", "DDIM with noise"])
def test_every_step_back(kind: str, sampler: str) -> None:
    """The whole way, with the same noise at each step."""
    from tinymlx import core
    from tinymlx.diffusion.ddim import ddim_step
    from tinymlx.diffusion.ddpm import ddpm_step
    from tinymlx.diffusion.places import places
    from tinymlx.diffusion.prediction import parts_of

    names = {"epsilon": "noise", "sample": "signal", "v_prediction": "velocity"}
    scheduler = theirs(sampler[:4], prediction_type=kind, timestep_spacing="trailing")
    scheduler.set_timesteps(10)
    signal, steps = signal_of("linear"), places(1000, 10)
    x, expected = ids(X), torch.tensor(X)
    rng = np.random.default_rng(3)
    for t in steps:
        fresh = rng.normal(size=X.shape).astype(np.float32)
        before = core.array(1.0) if t == steps[-1] else signal[t - 100]
        x0, noise = parts_of(names[kind], ids(model(np.array(x), t)), x, signal[t])
        output = torch.tensor(model(expected, t))
        if sampler == "DDPM":
            x = ddpm_step(x, x0, signal[t], before, ids(fresh))
            scheduler_step = torch.tensor(fresh)
            import diffusers.schedulers.scheduling_ddpm as module

            drawn, module.randn_tensor = module.randn_tensor, lambda *a, _f=scheduler_step, **k: _f
            try:
                expected = scheduler.step(output, t, expected).prev_sample
            finally:
                module.randn_tensor = drawn
        else:
            eta = 0.0 if sampler == "DDIM" else 0.8
            x = ddim_step(x0, noise, signal[t], before, eta, ids(fresh) if eta else None)
            given = torch.tensor(fresh) if eta else None
            expected = scheduler.step(
                output, t, expected, eta=eta, variance_noise=given
            ).prev_sample
        close(x, expected, 1e-3)


def test_eta_1_is_ddpm() -> None:
    from tinymlx.diffusion.ddim import ddim_step
    from tinymlx.diffusion.ddpm import ddpm_step
    from tinymlx.diffusion.prediction import parts_of

    signal = signal_of("linear")
    a, b = signal[600], signal[550]
    x0, noise = parts_of("noise", ids(NOISE), ids(X), a)
    fresh = ids(NOISE[::-1].copy())
    close(ddim_step(x0, noise, a, b, 1.0, fresh), np.array(ddpm_step(ids(X), x0, a, b, fresh)))


def test_multistep_solver() -> None:
    from tinymlx import core
    from tinymlx.diffusion.prediction import parts_of
    from tinymlx.diffusion.solver import solver_step

    scheduler = theirs("DPMSolverMultistep", "scaled_linear", timestep_spacing="trailing")
    scheduler.set_timesteps(12)
    signal, steps = signal_of("scaled_linear"), scheduler.timesteps.tolist()
    x, expected, last = ids(X), torch.tensor(X), (None, None)
    for t, after in zip(steps, [*steps[1:], None], strict=True):
        before = core.array(1.0) if after is None else signal[after]
        x0, _ = parts_of("noise", ids(model(np.array(x), t)), x, signal[t])
        x = solver_step(x, x0, signal[t], before, *last)
        last = x0, signal[t]
        expected = scheduler.step(torch.tensor(model(expected, t)), t, expected).prev_sample
        close(x, expected, 1e-3)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow(shift: float) -> None:
    from tinymlx import core
    from tinymlx.diffusion.flow import euler, flow_loss, flow_times, on_the_line

    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    times = flow_times(8, shift)
    scheduler.set_timesteps(sigmas=[1 - i / 8 for i in range(8)])
    close(times, scheduler.sigmas)
    expected = torch.tensor(X)
    for t in scheduler.timesteps:
        output = torch.tensor(model(expected, t))
        expected = scheduler.step(output, t, expected).prev_sample
    found = euler(lambda x, t: ids(model(np.array(x), 1000 * t[0].item())), ids(X), times)
    close(found, expected)
    t = core.array([0.0, 0.4, 1.0])
    line = on_the_line(ids(X), ids(NOISE), t)
    close(line[0], X[0])
    close(line[2], NOISE[2])
    perfect = flow_loss(lambda x, t: ids(NOISE - X), ids(X), ids(NOISE), t)
    assert perfect.item() == 0


def test_heun_is_of_second_order() -> None:
    """Against SciPy: half the step, a quarter of the error (an eighth to a half is asked)."""
    from scipy.integrate import solve_ivp

    from tinymlx import core
    from tinymlx.diffusion.flow import flow_times, heun

    field = lambda x, t: core.sin(3 * t[:, None]) * x + core.cos(x)  # noqa: E731
    start = RNG.normal(size=(2, 3)).astype(np.float32)
    exact = solve_ivp(
        lambda t, y: np.sin(3 * t) * y + np.cos(y), (1, 0), start.reshape(-1), rtol=1e-9, atol=1e-9
    ).y[:, -1]
    errors = [
        np.abs(np.array(heun(field, ids(start), flow_times(n))).reshape(-1) - exact).max()
        for n in (4, 8, 16)
    ]
    for coarse, fine in zip(errors, errors[1:], strict=False):
        assert 0.125 < fine / coarse < 0.5, errors


def test_guidance() -> None:
    from tinymlx import core
    from tinymlx.diffusion.guidance import guided, without_some

    a, b = ids(X), ids(NOISE)
    close(guided(a, b, 0.0), X)
    close(guided(a, b, 1.0), NOISE)
    close(guided(a, b, 3.0), X + 3 * (NOISE - X))
    conditions, nothing = core.ones((4000, 2)), core.zeros((2,))
    dropped = np.array(without_some(conditions, nothing, 0.1, core.random.key(0)))
    assert (dropped[:, 0] == dropped[:, 1]).all()
    assert abs((dropped[:, 0] == 0).mean() - 0.1) < 0.03  # six standard deviations
    with pytest.raises(ValueError, match="drop"):
        without_some(conditions, nothing, 1.5)


@pytest.mark.parametrize("a", [1e-6, 0.3, 0.999])
def test_the_best_denoiser(a: float) -> None:
    """By its definition in float64, also far away from all data."""
    from tinymlx import core
    from tinymlx.diffusion.optimum import best_denoiser

    data, x = RNG.normal(size=(50, 2)), np.concatenate([RNG.normal(size=(20, 2)), [[30.0, -20.0]]])
    distances = ((x[:, None] - np.sqrt(a) * data) ** 2).sum(-1) / (2 * (1 - a))
    weights = np.exp(-distances + distances.min(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    found = best_denoiser(*(ids(v.astype(np.float32)) for v in (x, data)), core.array(a))
    close(found, weights @ data, 2e-2 if a > 0.9 else 1e-4)
