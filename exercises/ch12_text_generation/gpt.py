"""A small GPT that came with the course: what ``tinymlx export 12`` writes.

It reads bytes and has learned from Shakespeare's plays; the project itself translates. From the
root of the repository, this trains it again, in minutes:

``python -c "import course.fill, runpy; runpy.run_path('exercises/ch12_text_generation/gpt.py',
run_name='__main__')"``
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinymlx import core, nn, optimizers
from tinymlx.core import array
from tinymlx.data import texts
from tinymlx.deployment.stateful import empty, step_of
from tinymlx.models.language.gpt2 import GPT2, GPT2Config
from tinymlx.utils import tree_flatten

WEIGHTS = Path(__file__).parent / "trained" / "weights.safetensors"
LENGTH = 64  # bytes that it sees
CONFIG = GPT2Config(vocab_size=256, n_positions=LENGTH, n_embd=64, n_layer=2, n_head=4)
STEPS, BATCH, RATE = 3000, 16, 3e-3


def main() -> None:
    """Train it, and write its weights in half precision."""
    core.random.seed(0)
    text = texts.shakespeare()
    train, test = (np.frombuffer(part.encode(), np.uint8) for part in (text.train, text.test))
    model = GPT2(CONFIG)
    warm, fall = (
        optimizers.linear_schedule(0.0, RATE, 100),
        optimizers.cosine_decay(RATE, STEPS - 100),
    )
    optimizer = optimizers.AdamW(optimizers.join_schedules([warm, fall], [100]))
    draw = np.random.default_rng(0)

    def loss(x: array) -> array:
        return core.mean(nn.losses.cross_entropy(model(x[:, :-1]), x[:, 1:]))

    both = nn.value_and_grad(model, loss)
    for step in range(STEPS):
        value, grads = both(windows(train, draw.integers(0, len(train) - LENGTH, BATCH)))
        optimizer.update(model, grads)
        core.eval(value, model.parameters(), optimizer.state)
        if step % 500 == 0:
            print(step, round(value.item(), 3), flush=True)
    places = np.arange(0, len(test) - LENGTH - 1, LENGTH)
    found = [loss(windows(test, places[i : i + 64])).item() for i in range(0, len(places), 64)]
    print(f"{np.mean(found) / np.log(2):.3f} bits a byte of the held-out end")
    halves = {name: w.astype(core.float16) for name, w in tree_flatten(model.parameters())}
    core.save_safetensors(str(WEIGHTS), halves)


def windows(text: np.ndarray, starts: np.ndarray) -> array:
    """Pieces of a text, each with the byte that comes next: ``(N, LENGTH + 1)``."""
    return core.array(text[starts[:, None] + np.arange(LENGTH + 1)].astype(np.int32))


def model_with_weights() -> GPT2:
    """The network as it came, in float32.

    Raises:
        ValueError: the weights do not fit.
    """
    model = GPT2(CONFIG)
    halves = core.load(str(WEIGHTS))
    model.load_weights([(name, w.astype(core.float32)) for name, w in halves.items()])
    model.eval()
    return model


def exported() -> tuple[nn.Module, Callable[[array], array], tuple[int, ...], dict[str, str]]:
    """What ``tinymlx export 12`` writes as weights, and as a function.

    Returns:
        The model; a function of bytes, ``(N, 64)`` in int32, to logits of the next one, ``(N,
        256)``, where zeros in front stand for nothing; the shape of one input; and what a program
        without Python has to be told.
    """
    model = model_with_weights()

    def logits(tokens: array) -> array:
        padding = core.sum((tokens == 0).astype(core.int32), axis=-1)
        return model(tokens, None, padding)[:, -1]

    return model, logits, (LENGTH,), {"length": str(LENGTH), "dtype": "int32"}


def stepwise() -> tuple[Callable[..., tuple[array, ...]], tuple[array, ...], dict[int, int]]:
    """What ``tinymlx export 12 --to coreml`` writes: a byte at a time, and memory for the rest.

    Returns:
        A function of a byte, its position, keys and values, see
        :func:`tinymlx.deployment.stateful.step_of`; an example of each; and for the inputs that are
        memory, which output is their next value.
    """
    model = model_with_weights()
    room = empty(model, LENGTH)
    byte, place = core.zeros((1, 1), core.int32), core.zeros((1,), core.int32)
    return step_of(model, LENGTH), (byte, place, room, room), {2: 1, 3: 2}


if __name__ == "__main__":
    main()
