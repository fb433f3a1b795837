"""From codes to a file (chapter 10), and weights as codes (chapter 14).

====================  ================================================================
:mod:`.arithmetic`    arithmetic coding: symbols with probabilities as one long number
:mod:`.adaptive`      tables of probabilities that learn from what was coded
:mod:`.archive`       the file: what is in it, and whether it is whole
:mod:`.pictures`      pictures to a file and back, with a trained model
:mod:`.affine`        weights of a model as codes of a few bits
:mod:`.calibration`   which weights matter
:mod:`.rounding`      training for codes: rounded forward, straight through backward
====================  ================================================================
"""

from . import adaptive, archive, arithmetic, pictures

__all__ = ["adaptive", "archive", "arithmetic", "pictures"]
