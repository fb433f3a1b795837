"""Run by ``mlx.launch``: ``sums.py BYTES ...`` times sums over all processes."""

import json
import sys
import time

import mlx.core as mx

ROUNDS = 15


def main(sizes: list[int]) -> None:
    """Print the median seconds for each size, as a list."""
    group = mx.distributed.init(backend="ring", strict=True)
    medians = []
    for size in sizes:
        x = mx.ones((size // 4,))
        mx.eval(x)
        times = []
        for _ in range(ROUNDS):
            mx.eval(mx.distributed.all_sum(mx.array(1.0), group=group))  # all begin together
            start = time.perf_counter()
            mx.eval(mx.distributed.all_sum(x, group=group))
            times.append(time.perf_counter() - start)
        medians.append(sorted(times)[ROUNDS // 2])
    if group.rank() == 0:
        print(json.dumps(medians), flush=True)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
