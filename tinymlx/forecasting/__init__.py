"""Forecasting series of measurements (chapter 17).

===================  ==================================================================
:mod:`.cleaning`     gaps and outliers, by what was known at the time
:mod:`.features`     circles, winds, scales of the past
:mod:`.windows`      windows that are views, and where they may stand
:mod:`.baselines`    persistence, seasons, waves, exponential smoothing
:mod:`.linear`       ridge regression for all steps at once; one step again and again
:mod:`.scores`       errors in units, for each step, with gaps in the truth; skill
:mod:`.networks`     a window's own level, causal convolutions, doubly residual blocks
:mod:`.sequences`    an encoder, a decoder with attention, scheduled sampling
:mod:`.probabilities`  quantiles, normal distributions, samples, and what they cost
:mod:`.intervals`    coverage, conformal correction, the probability integral transform
:mod:`.comparing`    the Diebold-Mariano test, a bootstrap of blocks
===================  ==================================================================

Forecasts are ``(O, K)``: origins (the last hours known) and steps. Floating arrays
are float32 where a docstring does not speak of dtypes.
"""
