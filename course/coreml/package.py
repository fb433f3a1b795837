"""Writing an ``.mlpackage``."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from course.errors import CourseError

PRECISIONS = ("float32", "float16")
WEIGHTS = ("plain", "palettes", "linear")
#: Deployment targets by the names that people know.
TARGETS = ("iOS15", "iOS16", "iOS17", "iOS18", "macOS12", "macOS13", "macOS14", "macOS15")
#: A pass of coremltools that we leave out: it makes ``x * a + b`` a batch norm with a variance of
#: 1, adds its own epsilon of 1e-5 to that, and folds it. Measured on chapter 7: an error of
#: 1.4e-4 with it, of 1e-6 without. (``tinymlx.deployment.ready`` folds exactly.)
#: And one that ends in a KeyError where two states are written one after the other (9.0).
LEFT_OUT = {"common::fuse_elementwise_to_batchnorm", "common::canonicalize_inplace_pattern"}
WITH_MEMORY = ("iOS18", "macOS15")
#: Libraries whose networks coremltools converts, too. It imports each of them that is installed:
#: measured, 4.3 seconds of its import instead of 1.0. What we hand it is a program already.
SOURCES = ("torch", "transformers", "sklearn", "xgboost", "tensorflow")
DTYPES = {"fp32": np.float32, "fp16": np.float16, "int32": np.int32, "bool": np.bool_}


def write(
    program: Any,
    file: Path,
    precision: str = "float32",
    target: str = "iOS17",
    weights: str = "plain",
    told: dict[str, str] | None = None,
) -> None:
    """Write a program as a package, whole or not at all.

    Args:
        program: a ``tinymlx.formats.mil.Program``.
        file: ends in ``.mlpackage``; a folder that is there already is replaced.
        precision: of :data:`PRECISIONS`: in what Core ML computes.
        target: of :data:`TARGETS`: the first system on which it has to run.
        weights: of :data:`WEIGHTS`: as they are, as tables of 16 colours, or as whole numbers of 8
            bits with a scale for each channel.
        told: texts for the metadata.

    Raises:
        CourseError: an argument is unknown, or ``coremltools`` is not installed.
    """
    check(precision, target, weights)
    if program.states and target not in WITH_MEMORY:
        raise CourseError(
            f"{target} has no memory that outlives a call; {' and '.join(WITH_MEMORY)} have."
        )
    ct = tools()
    with quiet():
        built = function(ct, program, target)
        pipeline = ct.PassPipeline()
        pipeline.remove_passes(LEFT_OUT)
        model = ct.convert(
            built,
            pass_pipeline=pipeline,
            convert_to="mlprogram",
            compute_precision=getattr(ct.precision, precision.upper()),
            minimum_deployment_target=getattr(ct.target, target),
            skip_model_load=True,
        )
        if weights != "plain":
            model = smaller(ct, model, weights)
        for name, text in (told or {}).items():
            model.user_defined_metadata[f"tinymlx.{name}"] = text
        unfinished = file.with_name(f".unfinished-{file.name}")
        try:
            model.save(str(unfinished))
            if file.exists():
                shutil.rmtree(file)
            unfinished.rename(file)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def check(precision: str, target: str, weights: str) -> None:
    """Refuse what is unknown.

    Raises:
        CourseError: an argument is.
    """
    for what, value, known in (
        ("precision", precision, PRECISIONS),
        ("deployment target", target, TARGETS),
        ("kind of weights", weights, WEIGHTS),
    ):
        if value not in known:
            raise CourseError(f"There is no {what} {value}; there are {', '.join(known)}.")


def tools() -> Any:
    """The package ``coremltools``.

    Raises:
        CourseError: it is not installed.
    """
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    try:
        with quiet(), without(SOURCES):
            import coremltools
    except ImportError as error:
        raise CourseError(
            "Core ML needs the package coremltools: pip install 'tinymlx[coreml]'."
        ) from error
    return coremltools


@contextlib.contextmanager
def without(names: Sequence[str]) -> Iterator[None]:
    """As if these packages were not installed. Whoever imported one before has it afterwards."""
    before = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(before)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without progress bars of passes on the terminal."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


def function(ct: Any, program: Any, target: str) -> Any:
    """The program in the builder's own form."""
    from coremltools.converters.mil.mil import Builder, Function, Program, types

    kinds = {"fp32": types.fp32, "fp16": types.fp16, "int32": types.int32, "bool": types.bool}
    specs = {
        name: Builder.TensorSpec(shape, kinds[kind])
        for name, (shape, kind) in program.inputs.items()
    }
    for name in program.states:  # memory is in float16, whatever is computed in
        specs[name] = Builder.StateTensorSpec(program.inputs[name][0], types.fp16)
    with Function(specs, getattr(ct.target, target)) as made:
        found: dict[str, Any] = {name: made.inputs[name] for name in program.inputs}
        for name in program.states:
            read = Builder.read_state(input=made.inputs[name])
            found[name] = Builder.cast(x=read, dtype=program.inputs[name][1])
        found |= {name: np.array(x) for name, x in program.constants.items()}
        for op in program.ops:
            given = {
                key: [found[n] for n in x] if isinstance(x, list) else found[x]
                for key, x in op.inputs.items()
            }
            more = {key: typed(op, key, x) for key, x in op.attributes.items()}
            found[op.output] = getattr(Builder, op.kind)(**given, **more, name=op.output)
        for name, new in program.states.items():
            written = Builder.cast(x=found[new], dtype="fp16")
            Builder.coreml_update_state(state=made.inputs[name], value=written)
        outputs = [
            Builder.identity(x=found[name], name=f"output_{i}")
            for i, name in enumerate(program.outputs)
        ]
        made.set_outputs(outputs)
    whole = Program()
    whole.add_function("main", made)
    return whole


def typed(op: Any, key: str, x: Any) -> Any:
    """An attribute as the builder wants it: a number in the dtype of its operation."""
    return DTYPES[op.dtype](x) if key in ("epsilon", "constant_val") else x


def smaller(ct: Any, model: Any, weights: str) -> Any:
    """The model with smaller weights; arrays of fewer than 512 numbers stay as they are."""
    from coremltools.optimize import coreml

    config: Any
    if weights == "palettes":
        config = coreml.OpPalettizerConfig(mode="kmeans", nbits=4, weight_threshold=512)
        return coreml.palettize_weights(model, coreml.OptimizationConfig(global_config=config))
    config = coreml.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=512)
    return coreml.linear_quantize_weights(model, coreml.OptimizationConfig(global_config=config))
