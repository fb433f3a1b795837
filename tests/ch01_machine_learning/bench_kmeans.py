"""Throughput of one k-means step: 20,000 points, 16 centres, 8 columns."""

import mlx.core as mx
import numpy as np
import torch

from course.grading.marks import exercise

N, K, D = 20_000, 16, 8
random = np.random.default_rng(0)
X = random.normal(size=(N, D)).astype(np.float32)


@exercise("1.15")
def bench_kmeans_step(race):
    """A difference, a product and a sum for each point, centre and column."""

    def tiny(_package):
        from tinymlx.basics.clustering import kmeans_step

        x, centroids = mx.array(X), mx.array(X[:K])
        return lambda: list(kmeans_step(x, centroids))

    def mlx():
        x, centroids = mx.array(X), mx.array(X[:K])

        def step():  # the expanded square: faster, and exact only for points near the origin
            own = mx.sum(mx.square(centroids), axis=1)
            labels = mx.argmin(own - 2 * (x @ centroids.T), axis=1)
            total = mx.zeros_like(centroids).at[labels].add(x)
            count = mx.zeros((K, 1)).at[labels].add(mx.ones((N, 1)))
            return [mx.where(count > 0, total / mx.maximum(count, 1), centroids), labels]

        return step

    def pytorch():
        x, centroids = torch.from_numpy(X), torch.from_numpy(X[:K])

        def step():
            labels = torch.cdist(x, centroids).argmin(dim=1)
            total = torch.zeros_like(centroids).index_add_(0, labels, x)
            count = torch.bincount(labels, minlength=K)[:, None]
            return torch.where(count > 0, total / count.clamp(min=1), centroids), labels

        return step

    race(tiny=tiny, mlx=mlx, pytorch=pytorch, flops=3 * N * K * D, bytes=4 * N * D)
