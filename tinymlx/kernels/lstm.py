r"""An LSTM over all times as one kernel, and its way back as another.

Examples do not meet in an LSTM. So a group takes a few of them through all times by itself, a
thread for each unit; the state stays in registers and shared memory, and barriers stand between
the times. Only the matrix is read again at each step, by neighbouring threads side by side.

Shapes: ``x``, what the input becomes, is ``(L, B, 4 H)``, gates side by side in the order
:math:`i, f, g, o`; a state is ``(B, H)``.
"""

from __future__ import annotations

from tinymlx import core

from .launch import Kernel

GATES = """
    #define SIGMOID(z) (1 / (1 + exp(-(z))))
"""

STEP = """
    SHARED float hs[R][H];
    int unit = THREAD, first = GROUP * R;
    float cell[R];
    for (int r = 0; r < R; r++) {
        bool there = first + r < B;
        hs[r][unit] = there ? (float)h0[(first + r) * H + unit] : 0.0f;
        cell[r] = there ? (float)c0[(first + r) * H + unit] : 0.0f;
    }
    BARRIER;
    for (int t = 0; t < L; t++) {
        float z[4][R];
        for (int k = 0; k < 4; k++) for (int r = 0; r < R; r++) z[k][r] = 0;
        for (int n = 0; n < H; n++) {
            for (int k = 0; k < 4; k++) {
                float weight = (float)wt[(n * 4 + k) * H + unit];
                for (int r = 0; r < R; r++) z[k][r] += weight * hs[r][n];
            }
        }
        BARRIER;
        for (int r = 0; r < R; r++) {
            if (first + r >= B) continue;
            size_t row = (size_t)t * B + first + r;
            for (int k = 0; k < 4; k++) z[k][r] += (float)x[(row * 4 + k) * H + unit];
            float in = SIGMOID(z[0][r]), forget = SIGMOID(z[1][r]);
            float fresh = tanh(z[2][r]), out = SIGMOID(z[3][r]);
            cell[r] = forget * cell[r] + in * fresh;
            float state = out * tanh(cell[r]);
            hs[r][unit] = state;
            h[row * H + unit] = (T)state;
            c[row * H + unit] = (T)cell[r];
            gates[(row * 4) * H + unit] = (T)in;
            gates[(row * 4 + 1) * H + unit] = (T)forget;
            gates[(row * 4 + 2) * H + unit] = (T)fresh;
            gates[(row * 4 + 3) * H + unit] = (T)out;
        }
        BARRIER;
    }
"""

PULL = """
    SHARED float slopes[R][4 * H];
    int unit = THREAD, first = GROUP * R;
    float carried[R], through[R];
    for (int r = 0; r < R; r++) carried[r] = through[r] = 0;
    for (int t = L - 1; t >= 0; t--) {
        for (int r = 0; r < R; r++) {
            bool there = first + r < B;
            size_t row = (size_t)t * B + first + r;
            float by[4] = {0, 0, 0, 0};
            if (there) {
                float in = (float)gates[row * 4 * H + unit];
                float forget = (float)gates[(row * 4 + 1) * H + unit];
                float fresh = (float)gates[(row * 4 + 2) * H + unit];
                float out = (float)gates[(row * 4 + 3) * H + unit];
                float before = (float)c0[(first + r) * H + unit];
                if (t) before = (float)c[(row - B) * H + unit];
                float y = tanh((float)c[row * H + unit]);
                float by_h = (float)gh[row * H + unit] + through[r];
                float by_c = (float)gc[row * H + unit] + carried[r] + by_h * out * (1 - y * y);
                by[0] = by_c * fresh * in * (1 - in);
                by[1] = by_c * before * forget * (1 - forget);
                by[2] = by_c * in * (1 - fresh * fresh);
                by[3] = by_h * y * out * (1 - out);
                carried[r] = by_c * forget;
                for (int k = 0; k < 4; k++) gx[(row * 4 + k) * H + unit] = (T)by[k];
            }
            for (int k = 0; k < 4; k++) slopes[r][k * H + unit] = by[k];
        }
        BARRIER;
        for (int r = 0; r < R; r++) through[r] = 0;
        for (int n = 0; n < 4 * H; n++) {
            float weight = (float)w[n * H + unit];
            for (int r = 0; r < R; r++) through[r] += weight * slopes[r][n];
        }
        BARRIER;
    }
    for (int r = 0; r < R; r++) {
        if (first + r >= B) continue;
        gh0[(first + r) * H + unit] = (T)through[r];
        gc0[(first + r) * H + unit] = (T)carried[r];
    }
"""

#: The most units: a thread for each, and the slopes of the gates in 32 KB of shared memory.
MOST_UNITS = 1024


def examples_of_a_group(batch: int, units: int) -> int:
    """As many as fit, a power of two, while there are examples for a hundred groups."""
    r = 1
    while 2 * r * 4 * units * 4 <= 32768 and r < 4 and batch // (2 * r) >= 100:
        r *= 2
    return r


def lstm_kernel(length: int, batch: int, units: int, dtype: core.Dtype) -> Kernel:
    """Forwards, from ``x``, ``wt``, ``h0`` and ``c0``.

    ``wt`` is the matrix for the state turned, ``(H, 4, H)``: first the unit that it reads.

    Outputs are ``h`` and ``c``, ``(L, B, H)``, and the ``gates`` after their functions, ``(L, B,
    4 H)``.
    """
    r = examples_of_a_group(batch, units)
    states = ((length, batch, units), dtype)
    return Kernel(
        name="lstm",
        source=STEP,
        inputs=["x", "wt", "h0", "c0"],
        outputs={"h": states, "c": states, "gates": ((length, batch, 4 * units), dtype)},
        grid=(-(-batch // r) * units, 1, 1),
        group=(units, 1, 1),
        template={"T": dtype, "L": length, "B": batch, "H": units, "R": r},
        header=GATES,
    )


def lstm_pull_kernel(length: int, batch: int, units: int, dtype: core.Dtype) -> Kernel:
    """Backwards, from ``gh``, ``gc``, ``w``, ``c``, ``gates`` and ``c0``.

    Outputs are ``gx``, and ``gh0`` and ``gc0``. The cotangent of ``w`` is one product of ``gx``
    with the states before.
    """
    r = examples_of_a_group(batch, units)
    state = ((batch, units), dtype)
    return Kernel(
        name="lstm_pull",
        source=PULL,
        inputs=["gh", "gc", "w", "c", "gates", "c0"],
        outputs={"gx": ((length, batch, 4 * units), dtype), "gh0": state, "gc0": state},
        grid=(-(-batch // r) * units, 1, 1),
        group=(units, 1, 1),
        template={"T": dtype, "L": length, "B": batch, "H": units, "R": r},
    )
