r"""Flash attention, forwards and backwards: a thread for each query, or for each key.

Keys and values come by tiles through shared memory, and no array of scores is ever written. A
thread keeps its query, the mean so far (:math:`\sum_j e^{s_j - m} v_j`), the largest score
:math:`m` and the sum :math:`l = \sum_j e^{s_j - m}`; if a larger score comes, what there is
shrinks by :math:`e^{m - m'}`. Backwards, scores are computed again, and the saved
:math:`\log \sum_j e^{s_j} = m + \log l` makes probabilities of them at once.

Shapes: queries ``(B * H, TQ, D)``, keys and values ``(B * H / SHARE, TK, D)``.

Source: T. Dao et al., FlashAttention (2022).
"""

from __future__ import annotations

from typing import Any

from tinymlx import core

from .launch import Kernel, whole_groups

ROWS = 32  # queries (backwards for keys: keys) of a group
TILE = 16  # keys (queries) that come at a time

#: Which query this thread has, and the last key that it may ask.
PLACE = """
    int tiles = (TQ + ROWS - 1) / ROWS, me = THREAD;
    int head = GROUP / tiles, start = GROUP % tiles * ROWS, query = start + me;
    int from = head / SHARE;
    bool there = query < TQ;
    size_t own = ((size_t)head * TQ + query) * D;
    int last = CAUSAL ? min(query + TK - TQ, TK - 1) : TK - 1;
    int end = CAUSAL ? min(start + ROWS + TK - TQ, TK) : TK;
"""

#: A tile of keys and values, read by all threads together.
KEYS = """
        for (int i = me; i < TILE * D; i += ROWS) {
            int row = i / D, d = i % D;
            size_t at = ((size_t)from * TK + first + row) * D + d;
            ks[row][d] = first + row < TK ? (float)k[at] : 0.0f;
            vs[row][d] = first + row < TK ? (float)v[at] : 0.0f;
        }
        BARRIER;
"""

FORWARD = (
    """
    SHARED float ks[TILE][D];
    SHARED float vs[TILE][D];
"""
    + PLACE
    + """
    float asks[D], sum[D];
    for (int d = 0; d < D; d++) { asks[d] = there ? (float)q[own + d] * SCALE : 0.0f; sum[d] = 0; }
    float top = -INFINITY, total = 0;
    for (int first = 0; first < end; first += TILE) {
"""
    + KEYS
    + """
        for (int j = 0; j < TILE && first + j <= last; j++) {
            float score = 0;
            for (int d = 0; d < D; d++) score += asks[d] * ks[j][d];
            float higher = max(top, score);
            float keep = exp(top - higher), p = exp(score - higher);
            total = total * keep + p;
            for (int d = 0; d < D; d++) sum[d] = sum[d] * keep + p * vs[j][d];
            top = higher;
        }
        BARRIER;
    }
    if (there) {
        for (int d = 0; d < D; d++) y[own + d] = (T)(total > 0 ? sum[d] / total : 0.0f);
        lse[(size_t)head * TQ + query] = top + log(total);
    }
"""
)

PULL_QUERIES = (
    """
    SHARED float ks[TILE][D];
    SHARED float vs[TILE][D];
"""
    + PLACE
    + """
    float asks[D], slope[D], sum[D];
    float dot = 0, level = there ? (float)lse[(size_t)head * TQ + query] : 0.0f;
    for (int d = 0; d < D; d++) {
        asks[d] = there ? (float)q[own + d] * SCALE : 0.0f;
        slope[d] = there ? (float)g[own + d] : 0.0f;
        dot += there ? slope[d] * (float)y[own + d] : 0.0f;
        sum[d] = 0;
    }
    for (int first = 0; first < end; first += TILE) {
"""
    + KEYS
    + """
        for (int j = 0; j < TILE && first + j <= last; j++) {
            float score = 0, value = 0;
            for (int d = 0; d < D; d++) {
                score += asks[d] * ks[j][d];
                value += slope[d] * vs[j][d];
            }
            float by_score = exp(score - level) * (value - dot);
            for (int d = 0; d < D; d++) sum[d] += by_score * ks[j][d];
        }
        BARRIER;
    }
    if (there) {
        for (int d = 0; d < D; d++) gq[own + d] = (T)(sum[d] * SCALE);
        delta[(size_t)head * TQ + query] = dot;
    }
"""
)

PULL_KEYS = """
    SHARED float qs[TILE][D];
    SHARED float gs[TILE][D];
    SHARED float levels[TILE];
    SHARED float dots[TILE];
    int tiles = (TK + ROWS - 1) / ROWS, me = THREAD;
    int from = GROUP / tiles, start = GROUP % tiles * ROWS, key = start + me;
    bool there = key < TK;
    size_t own = ((size_t)from * TK + key) * D;
    float answers[D], value[D], sum_k[D], sum_v[D];
    for (int d = 0; d < D; d++) {
        answers[d] = there ? (float)k[own + d] : 0.0f;
        value[d] = there ? (float)v[own + d] : 0.0f;
        sum_k[d] = sum_v[d] = 0;
    }
    int begin = CAUSAL ? max(start - (TK - TQ), 0) / TILE * TILE : 0;
    for (int head = from * SHARE; head < (from + 1) * SHARE; head++) {
        for (int first = begin; first < TQ; first += TILE) {
            for (int i = me; i < TILE * D; i += ROWS) {
                int row = i / D, d = i % D;
                size_t at = ((size_t)head * TQ + first + row) * D + d;
                qs[row][d] = first + row < TQ ? (float)q[at] * SCALE : 0.0f;
                gs[row][d] = first + row < TQ ? (float)g[at] : 0.0f;
            }
            if (me < TILE && first + me < TQ) {
                levels[me] = lse[(size_t)head * TQ + first + me];
                dots[me] = delta[(size_t)head * TQ + first + me];
            }
            BARRIER;
            for (int i = 0; i < TILE && first + i < TQ; i++) {
                if (!there || (CAUSAL && key > first + i + TK - TQ)) continue;
                float score = 0, by_p = 0;
                for (int d = 0; d < D; d++) {
                    score += qs[i][d] * answers[d];
                    by_p += gs[i][d] * value[d];
                }
                float p = exp(score - levels[i]);
                float by_score = p * (by_p - dots[i]);
                for (int d = 0; d < D; d++) {
                    sum_v[d] += p * gs[i][d];
                    sum_k[d] += by_score * qs[i][d];
                }
            }
            BARRIER;
        }
    }
    if (there)
        for (int d = 0; d < D; d++) { gk[own + d] = (T)sum_k[d]; gv[own + d] = (T)sum_v[d]; }
"""

Shape = tuple[int, ...]


def _common(q: Shape, k: Shape, dtype: core.Dtype, scale: float, causal: bool) -> dict[str, Any]:
    template = {
        "T": dtype,
        "TQ": q[1],
        "TK": k[1],
        "D": q[2],
        "SHARE": q[0] // k[0],
        "CAUSAL": causal,
        "ROWS": ROWS,
        "TILE": TILE,
    }
    return {"template": template, "header": f"#define SCALE {scale!r}f", "group": (ROWS, 1, 1)}


def attention_kernel(q: Shape, k: Shape, dtype: core.Dtype, scale: float, causal: bool) -> Kernel:
    """``y`` from ``q``, ``k``, ``v``, and ``lse``, ``(B * H, TQ)``, which the way back needs."""
    return Kernel(
        name="attention",
        source=FORWARD,
        inputs=["q", "k", "v"],
        outputs={"y": (q, dtype), "lse": (q[:2], core.float32)},
        grid=(whole_groups(q[1], ROWS) * q[0], 1, 1),
        **_common(q, k, dtype, scale, causal),
    )


def queries_pull_kernel(
    q: Shape, k: Shape, dtype: core.Dtype, scale: float, causal: bool
) -> Kernel:
    """``gq``, and for each query ``delta``, the product of ``g`` and ``y``."""
    return Kernel(
        name="attention_pull_queries",
        source=PULL_QUERIES,
        inputs=["g", "q", "k", "v", "y", "lse"],
        outputs={"gq": (q, dtype), "delta": (q[:2], core.float32)},
        grid=(whole_groups(q[1], ROWS) * q[0], 1, 1),
        **_common(q, k, dtype, scale, causal),
    )


def keys_pull_kernel(q: Shape, k: Shape, dtype: core.Dtype, scale: float, causal: bool) -> Kernel:
    """``gk`` and ``gv``; a group has keys, and all queries come by."""
    return Kernel(
        name="attention_pull_keys",
        source=PULL_KEYS,
        inputs=["g", "q", "k", "v", "lse", "delta"],
        outputs={"gk": (k, dtype), "gv": (k, dtype)},
        grid=(whole_groups(k[1], ROWS) * k[0], 1, 1),
        **_common(q, k, dtype, scale, causal),
    )
