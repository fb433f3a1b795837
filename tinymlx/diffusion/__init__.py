r"""Diffusion and flow: from data to noise by a formula, and back by a network (chapter 13).

==================  ================================================================
:mod:`.schedules`   how much signal is left at each step
:mod:`.forward`     a noisy version of anything, at once
:mod:`.prediction`  noise, signal and velocity, each from the others
:mod:`.places`      which of the steps are taken when fewer are enough
:mod:`.ddpm`        a step back with noise
:mod:`.ddim`        a step back without, or with as much as one likes
:mod:`.solver`      steps that use the slope of the step before
:mod:`.flow`        straight lines from noise to data
:mod:`.few_calls`   the same, when each call of the network counts
:mod:`.guidance`    more of what was asked for
:mod:`.optimum`     the best denoiser of a finite set, in closed form
==================  ================================================================

Signal and noise are mixed as
:math:`x_t = \sqrt{\bar\alpha_t} \, x_0 + \sqrt{1 - \bar\alpha_t} \, \epsilon`. What the papers call
:math:`\bar\alpha` is ``signal`` in the code, the share of the variance that is signal: 1 for data
and 0 for noise.
"""
