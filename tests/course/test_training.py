"""`tinymlx.training` in bad weather: kills, full disks, foreign files, nan, unfit models."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry

X = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int32)


@pytest.fixture(scope="module", autouse=True)
def solutions(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


def parts(**options: Any) -> tuple[ModuleType, Any, Any]:
    """The module, a trainer and its batches."""
    from tinymlx import core, nn, optimizers, training

    core.random.seed(options.pop("seed", 0))
    model = nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
    )
    rate = options.pop("rate", 0.01)

    def loss(model: Any, x: Any, y: Any) -> Any:
        return nn.losses.cross_entropy(model(x), y, reduction="mean")

    options.setdefault("compile", False)
    trainer = training.Trainer(model, optimizers.Adam(rate), loss, **options)
    return training, trainer, training.Batches(X, Y, batch_size=16)


def bits(trainer: Any) -> dict[str, bytes]:
    from tinymlx.utils import tree_flatten

    return {name: np.array(x).tobytes() for name, x in tree_flatten(trainer.model.parameters())}


RUN = """
import sys, time
import course.fill
import numpy as np
sys.path.insert(0, {tests!r})
from test_training import parts, bits
training, trainer, batches = parts(seed={seed})
begin = trainer.begin
def slow(*batch):
    time.sleep(0.004)
    return begin(*batch)
trainer.begin = slow
trainer.fit(batches, 12, validation=training.Batches(*batches.arrays, batch_size=25, shuffle=False),
            stopping=training.EarlyStopping(50), checkpoint={file!r}, every=1, progress=False)
print("end", sorted((k, v.hex()) for k, v in bits(trainer).items()))
"""


def test_a_run_that_is_killed_again_and_again_ends_like_one_that_was_not(
    project: Project, tmp_path: Path
) -> None:
    """SIGKILL at random moments; every start has another seed, so only the checkpoint counts."""

    def start(file: str, seed: int) -> subprocess.Popen[str]:
        code = RUN.format(tests=str(project.root / "tests" / "course"), seed=seed, file=file)
        environment = {**os.environ, "TINYMLX_ROOT": str(project.root)}
        return subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
        )

    whole = start(str(tmp_path / "whole.safetensors"), 0)
    wanted = whole.communicate(timeout=120)[0]
    assert wanted.startswith("end")
    chance, file, killed = random.Random(1), tmp_path / "killed.safetensors", 0
    for seed in range(60):
        # The first must be the same run; from then on the checkpoint alone says what goes on.
        process = start(str(file), seed if file.exists() else 0)
        appeared = time.monotonic() + 60
        before = file.stat().st_mtime_ns if file.exists() else 0
        while process.poll() is None and killed < 5 and time.monotonic() < appeared:
            if file.exists() and file.stat().st_mtime_ns != before:
                time.sleep(chance.uniform(0, 0.08))
                process.send_signal(signal.SIGKILL)
                killed += 1
                break
            time.sleep(0.002)
        output = process.communicate(timeout=120)[0]
        if output.startswith("end"):
            break
    assert killed == 5 and output == wanted


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    """Writing fails after 2,000 bytes, as on a full disk."""
    training, trainer, batches = parts()
    file = tmp_path / "run.safetensors"
    training.checkpoints.save(str(file), {"x": 1})
    old = file.read_bytes()
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises((OSError, RuntimeError)):
            trainer.save(str(file), batches)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert file.read_bytes() == old and [p.name for p in tmp_path.iterdir()] == [file.name]


def test_files_that_are_no_checkpoint(tmp_path: Path) -> None:
    training, trainer, batches = parts()
    load, file = training.checkpoints.load, str(tmp_path / "run.safetensors")
    with pytest.raises(FileNotFoundError):
        load(file)
    trainer.save(file, batches)
    whole = Path(file).read_bytes()
    for length in (0, 5, 100, len(whole) - 1):
        Path(file).write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"run.safetensors is damaged, incomplete"):
            load(file)
    trainer.model.save_weights(file)
    with pytest.raises(ValueError, match="is no checkpoint of this library"):
        load(file)
    with pytest.raises(ValueError, match="another ending"):
        training.checkpoints.save(str(tmp_path / "run.npz"), {})
    with pytest.raises(ValueError, match=r"model\.x is a object"):
        training.checkpoints.save(file, {"model": {"x": object()}})
    with pytest.raises(ValueError, match="keys of model should be strings"):
        training.checkpoints.save(file, {"model": {1: 2}})


def test_every_kind_of_leaf_comes_back(tmp_path: Path) -> None:
    from tinymlx import core, training

    file = str(tmp_path / "tree.safetensors")
    arrays = [
        core.ones((2, 3), dtype=core.bfloat16),
        core.array(7, core.uint64),
        core.zeros((0, 2)),
    ]
    tree = {
        "a": arrays, "b": [1, 2.5, None, True, "word", float("inf"), 1e-300], "c": {}, "d": [],
        "e": ({"f": core.array([True])},),
    }  # fmt: skip
    training.checkpoints.save(file, tree)
    found = training.checkpoints.load(file)
    assert found["b"] == tree["b"] and found["c"] == {} and found["d"] == []
    for mine, its in zip(arrays, found["a"], strict=True):
        assert mine.dtype == its.dtype and mine.shape == its.shape
        assert mine.astype(core.float32).tolist() == its.astype(core.float32).tolist()
    assert found["e"][0]["f"].tolist() == [True]
    training.checkpoints.save(file, core.array(3.0))
    assert training.checkpoints.load(file).item() == 3


@pytest.mark.parametrize("compile", [False, True])
def test_a_loss_that_is_nan_is_reported(compile: bool) -> None:
    _, trainer, _ = parts(compile=compile)
    from tinymlx import core

    x = core.array(X[:16])
    trainer.step(x, core.array(Y[:16]))
    with pytest.raises(
        FloatingPointError, match=r"loss is nan in step 2\. A smaller learning rate"
    ):
        trainer.step(x * float("nan"), core.array(Y[:16]))


def test_a_nan_in_an_epoch_is_reported_with_its_step() -> None:
    """Also when the next step is on its way already, and in the last one."""
    for bad in (1, len(X) // 16):
        _, trainer, batches = parts()
        finish = trainer.finish

        def spoiled(loss: Any, trainer: Any = trainer, bad: int = bad, finish: Any = finish) -> Any:
            return finish(loss * float("nan") if trainer.steps + 1 == bad else loss)

        trainer.finish = spoiled
        with pytest.raises(FloatingPointError, match=rf"loss is nan in step {bad}\."):
            trainer.train(batches)


def test_nothing_is_on_the_way_where_a_run_may_be_saved() -> None:
    """One step ahead everywhere else."""
    _, trainer, batches = parts()
    begun: list[int] = []
    begin = trainer.begin
    trainer.begin = lambda *batch: begun.append(1) or begin(*batch)
    trainer.pause = 3
    ahead = [len(begun) - trainer.steps for _ in trainer.losses(batches)]
    steps = range(1, len(ahead) + 1)
    assert ahead == [0 if s % 3 == 0 or s == len(ahead) else 1 for s in steps]


def test_a_step_that_overflows_changes_nothing_but_the_scale() -> None:
    from tinymlx import core, training

    scaler = training.LossScaler(2.0**100)
    _, trainer, _ = parts(scaler=scaler, precision=core.float16)
    from tinymlx.utils import tree_flatten

    trainable = dict(tree_flatten(trainer.model.trainable_parameters()))
    trainer.step(core.array(X[:16]), core.array(Y[:16]))
    assert scaler.state["scale"].item() == 2.0**99
    for name, x in tree_flatten(trainer.model.trainable_parameters()):
        assert (x == trainable[name]).all().item(), name
    scaler.state["scale"] = core.array(8.0)
    trainer.step(core.array(X[:16]), core.array(Y[:16]))
    changed = dict(tree_flatten(trainer.model.trainable_parameters()))
    assert all(x.dtype == core.float32 for x in changed.values())
    assert any((x != trainable[name]).any().item() for name, x in changed.items())


def test_mixed_precision_computes_in_half_and_learns_in_single() -> None:
    from tinymlx import core, nn, training

    core.random.seed(0)
    model, seen = nn.Linear(6, 2), []

    def loss(x: Any) -> Any:
        seen.append((model.weight.dtype, x.dtype))
        return model(x).square().mean()

    value, gradients = nn.value_and_grad(model, training.in_precision(model, loss, core.bfloat16))(
        core.array(X)
    )
    assert seen == [(core.bfloat16, core.bfloat16)]
    assert value.dtype == core.float32 and gradients["weight"].dtype == core.float32
    assert model.weight.dtype == core.float32
    exact = nn.value_and_grad(model, loss)(core.array(X))[1]["weight"]
    # bfloat16 has 8 bits: single numbers are good to 2^-9, sums of 60 to a few times that.
    assert np.abs(np.array(gradients["weight"]) - np.array(exact)).max() < 0.02


def test_models_that_cannot_be_trained() -> None:
    from tinymlx import core

    _, trainer, _ = parts()
    trainer.model.freeze()
    with pytest.raises(ValueError, match="no trainable parameters; unfreeze some"):
        trainer.step(core.array(X), core.array(Y))
    _, trainer, batches = parts()
    with pytest.raises(ValueError, match="stopping needs validation"):
        from tinymlx.training import EarlyStopping

        trainer.fit(batches, 1, stopping=EarlyStopping(1), progress=False)
    with pytest.raises(ValueError):
        trainer.step(core.array(X[:, :3]), core.array(Y))


@pytest.mark.parametrize(
    "arrays, options, message",
    [
        ((), {}, "same number of examples"),
        ((X, Y[:-1]), {}, r"\(60, 6\), \(59,\)"),
        ((X[:0],), {}, "at least 1"),
        ((np.float32(3),), {}, "same number of examples"),
        ((X,), {"batch_size": 0}, "batch_size should be at least 1; it is 0"),
        ((X,), {"batch_size": 61, "drop_last": True}, "at most 60"),
    ],
)
def test_batches_that_cannot_be(arrays: Any, options: dict[str, Any], message: str) -> None:
    from tinymlx import training

    with pytest.raises(ValueError, match=message):
        training.Batches(*arrays, **{"batch_size": 4, **options})


def test_a_run_in_pieces_is_the_run(tmp_path: Path) -> None:
    """accumulate, max_norm, half precision, an average, a compiled step: all resume bit for bit."""
    from tinymlx import core, training

    for options in (
        {"accumulate": 3, "max_norm": 1.0},
        {"precision": core.float16},
        {"precision": core.bfloat16, "accumulate": 2},
    ):
        file = str(tmp_path / f"{len(str(options))}.safetensors")
        _, whole, batches = parts(**options)
        whole.fit(batches, 3, progress=False)
        _, first, batches = parts(**options)
        first.fit(batches, 2, checkpoint=file, progress=False)
        _, second, batches = parts(seed=5, **options)
        second.fit(batches, 3, checkpoint=file, progress=False)
        assert bits(second) == bits(whole) and second.history == whole.history
        assert training.checkpoints.load(file)["steps"] == 12


def test_stopping_keeps_the_best_weights() -> None:
    """A learning rate that is far too great after the first epochs spoils the rest."""
    training, trainer, batches = parts(rate=lambda step: 0.01 + 3.0 * (step > 20))
    validation = training.Batches(X, Y, batch_size=60, shuffle=False)
    history = trainer.fit(
        batches, 30, validation=validation, stopping=training.EarlyStopping(4), progress=False
    )
    losses = [h["validation loss"] for h in history]
    assert len(history) < 30
    assert trainer.evaluate(validation)["loss"] == min(losses) < losses[-1]


def test_progress_says_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    training, trainer, batches = parts()
    trainer.fit(batches, 2, validation=training.Batches(X, Y, batch_size=60))
    lines = capsys.readouterr().out.splitlines()
    assert [line[:11] for line in lines] == ["epoch 1/2  ", "epoch 2/2  "]
    assert "validation loss" in lines[0]
