r"""DPM-Solver++: the exact solution of the way back, but for how :math:`x_0` changes on it.

In :math:`\lambda = \log \sqrt{\bar\alpha} - \log \sqrt{1 - \bar\alpha}`, the logarithm of amplitude
over noise, the equation is linear but for :math:`x_0(\lambda)`, and its linear part is solved
exactly. If :math:`x_0` were constant, one step would do: that is DDIM. The second order takes the
slope of :math:`x_0` from the step before, which costs nothing.

Source: C. Lu et al., DPM-Solver++ (2022), algorithm 2, https://arxiv.org/abs/2211.01095
"""

from __future__ import annotations

from tinymlx import core
from tinymlx.core import array


def log_ratio(signal: array) -> array:
    r""":math:`\lambda`, from minus infinity for noise to infinity for data."""
    return 0.5 * (core.log(signal) - core.log(1 - signal))


def solver_step(
    x: array,
    x0: array,
    signal: array,
    before: array,
    last_x0: array | None = None,
    last_signal: array | None = None,
) -> array:
    r"""One step back of DPM-Solver++ (2M).

    With :math:`h = \lambda_{t'} - \lambda_t`, the length of the step, and :math:`r = (\lambda_t -
    \lambda_{\text{last}}) / h`, that of the step before in proportion:

    .. math::
        D = x_0 + \frac{1}{2 r} \left( x_0 - x_0^{\text{last}} \right), \qquad
        x_{t'} = \frac{b_{t'}}{b_t} \, x_t + a_{t'} \left( 1 - e^{-h} \right) D

    (:math:`a = \sqrt{\bar\alpha}`, :math:`b = \sqrt{1 - \bar\alpha}`). The first step has none
    before it, and :math:`D = x_0`. The last one ends at the data, where :math:`h` is infinite: it
    returns :math:`x_0`.

    Args:
        x: :math:`x_t`.
        x0: what the network takes for the data here.
        signal: :math:`\bar\alpha_t`.
        before: :math:`\bar\alpha_{t'}`; 1 for the data themselves.
        last_x0, last_signal: the same of the step before this one, if there was one.
    """
    h = log_ratio(before) - log_ratio(signal)
    d = x0
    if last_x0 is not None and last_signal is not None:
        r = (log_ratio(signal) - log_ratio(last_signal)) / h
        d = x0 + (x0 - last_x0) / (2 * r)
    a, b = core.sqrt(before), core.sqrt(1 - before)
    y = b / core.sqrt(1 - signal) * x - a * core.expm1(-h) * d
    return core.where(before < 1, y, x0)
