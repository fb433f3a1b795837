"""Run by ``mlx.launch``: ``training.py CHECKPOINT [STEP]`` trains; process 1 dies in that step."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

from tinymlx import core, nn, optimizers
from tinymlx.parallel import lost, replicas
from tinymlx.training import checkpoints
from tinymlx.utils import tree_flatten

STEPS, EVERY = 8, 3
RESUME = "Start it again: it goes on from its last checkpoint."


@contextmanager
def noted(file):
    """Writes what is said of a loss beside the checkpoint: the launcher may not listen any more."""
    try:
        yield
    except lost.LostProcess as error:
        Path(f"{file}.said").write_text(str(error))
        raise


def main(file, dies=None):
    group = core.distributed.init(backend="ring", strict=True)
    core.random.seed(group.rank())
    model, optimizer = nn.Linear(4, 4), optimizers.Adam(learning_rate=0.1)
    replicas.same_start(model, group)
    start = 0
    if os.path.exists(file):
        saved = checkpoints.load(file)
        start, optimizer.state = saved["step"], saved["optimizer"]
        model.update(saved["model"])
    gradient = nn.value_and_grad(model, lambda x: (model(x) ** 2).mean())
    step = replicas.data_parallel(gradient, group)
    for i in range(start, STEPS):
        x = core.random.normal((4, 4), key=core.random.key(i))
        if dies == i and group.rank() == 1:
            os._exit(9)
        with noted(file), lost.telling(group.rank(), i, RESUME):
            _, gradients = step(x)
            optimizer.update(model, gradients)
            core.eval(model.state, optimizer.state)
        if (i + 1) % EVERY == 0 and group.rank() == 0:
            tree = {"step": i + 1, "model": model.parameters(), "optimizer": optimizer.state}
            checkpoints.save(file, tree)
    if group.rank() == 0:
        print("from", start, [v.tolist() for _, v in tree_flatten(model.parameters())], flush=True)
    core.eval(core.distributed.all_sum(core.array(1.0), group=group))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
