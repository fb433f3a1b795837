"""Weights of the full setting, for those who have no GPU."""

from pathlib import Path

from tinymlx import core
from tinymlx.core import array
from tinymlx.nn import Module
from tinymlx.utils import tree_flatten

SHIPPED = ("digits", "shapes", "clip")  # what is written; the smallest come with the course
FILE = Path(__file__).parent / "trained" / "weights.safetensors"


def write(out: Path, models: dict[str, Module]) -> None:
    """The weights of some models in half precision, each under its name.

    Those of other models, which an earlier run left in the file, stay.
    """
    file = out / "weights.safetensors"
    halves = dict(core.load(str(file))) if file.is_file() else {}
    core.eval(halves)
    halves |= {
        f"{name}.{path}": w.astype(core.float16)
        for name, model in models.items()
        for path, w in tree_flatten(model.parameters())
    }
    core.save_safetensors(str(file), halves)


def there(file: Path = FILE) -> set[str]:
    """The names of the models whose weights came with the course."""
    return {path.split(".")[0] for path in core.load(str(file))}


def read(name: str, model: Module, file: Path = FILE) -> Module:
    """A model with the weights of that name, as :func:`write` wrote them, in evaluation mode."""
    found: dict[str, array] = core.load(str(file))
    mine = [(path, w) for path, w in found.items() if path.startswith(f"{name}.")]
    model.load_weights([(p.removeprefix(f"{name}."), w.astype(core.float32)) for p, w in mine])
    return model.eval()
