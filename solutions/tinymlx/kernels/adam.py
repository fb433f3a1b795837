"""Adam's update of a parameter, as one kernel: seven passes over memory and no more."""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array

from .launch import Kernel, pack_width, run, whole_groups


def adam_kernel(size: int, dtype: core.Dtype, weight_decay: bool) -> Kernel:
    r"""One step of Adam, or with ``weight_decay`` of AdamW, for each element.

    .. math::
        m' = \beta_1 m + (1 - \beta_1) g, \quad v' = \beta_2 v + (1 - \beta_2) g^2, \quad
        p' = p \, d - \eta \, m' / (\sqrt{v'} \, c + \epsilon)

    Inputs are ``p``, ``g``, ``m``, ``v`` and ``rates``: :math:`\eta`, :math:`\beta_1`,
    :math:`\beta_2`, :math:`\epsilon`, :math:`c` and the decay :math:`d`, in float32. Bias
    correction is in :math:`\eta` and :math:`c`.
    """
    decayed = "rates[5] * " if weight_decay else ""
    source = f"""
        size_t i = (size_t)PLACE * V;
        float step = rates[0], b1 = rates[1], b2 = rates[2], eps = rates[3], c = rates[4];
        if (i < (size_t)g_shape[0]) {{
            auto weight = load<V>(p, i);
            auto slope = load<V>(g, i);
            auto first = load<V>(m, i);
            auto second = load<V>(v, i);
            for (int j = 0; j < V; j++) {{
                float h = (float)slope.v[j];
                float mean = b1 * (float)first.v[j] + (1 - b1) * h;
                float square = b2 * (float)second.v[j] + (1 - b2) * h * h;
                first.v[j] = (T)mean;
                second.v[j] = (T)square;
                weight.v[j] =
                    (T)({decayed}(float)weight.v[j] - step * mean / (sqrt(square) * c + eps));
            }}
            store<V>(new_p, i, weight);
            store<V>(new_m, i, first);
            store<V>(new_v, i, second);
        }}
    """
    width = pack_width(size, dtype)
    return Kernel(
        name="adam",
        source=source,
        inputs=["p", "g", "m", "v", "rates"],
        outputs=dict.fromkeys(("new_p", "new_m", "new_v"), ((size,), dtype)),
        grid=(whole_groups(size // width, 1024), 1, 1),
        group=(1024, 1, 1),
        template={"T": dtype, "V": width},
    )


def adam_step(
    p: array,
    g: array,
    m: array,
    v: array,
    step: int | array,
    learning_rate: float | array,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    bias_correction: bool = False,
) -> tuple[array, array, array]:
    """The parameter and both moments after a step, by the kernel (on a GPU only).

    Args:
        p, g, m, v: parameter, gradient and moments, of one shape and dtype.
        step: how many steps there have been, this one among them.
        learning_rate, betas, eps, weight_decay, bias_correction: as ``optimizers.AdamW`` has them.
    """
    b1, b2 = betas
    rate: float | array = learning_rate
    scale: float | array = 1.0
    decay = 1 - learning_rate * weight_decay
    if bias_correction:
        rate, scale = learning_rate / (1 - b1**step), (1 - b2**step) ** -0.5
    rates = _together(rate, b1, b2, eps, scale, decay)
    kernel = adam_kernel(p.size, p.dtype, weight_decay != 0)
    found = run(kernel, *(x.reshape(-1) for x in (p, g, m, v)), rates)
    new_p, new_m, new_v = (x.reshape(p.shape) for x in found)
    return new_p, new_m, new_v


def _together(*parts: float | array) -> array:
    """All in one array of float32: numbers alone arrive in one piece, without an operation each."""
    if not any(isinstance(x, array) for x in parts):
        return core.array(parts, core.float32)
    return core.stack([core.array(x, core.float32) for x in parts])
