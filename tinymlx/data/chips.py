"""The published figures of Apple's M-series chips: memory bandwidth and GPU arithmetic. Given.

Bandwidth is the largest that Apple's press release or technical specification of the chip names
(a chip with fewer GPU cores can have less: 300 GB/s for the smaller M3 Max, 410 GB/s for the
smaller M4 Max). For the first M1 Apple published no number; 68.25 GB/s is what its memory,
LPDDR4X-4266 on 128 bits, can carry, and agrees with Apple's statement that the M2's 100 GB/s are
"50 percent more".

GPU arithmetic is float32, in the largest configuration, where Apple has named it in the chip's
announcement. Since the M2 Pro, Apple has published no such number: None.
"""

from typing import NamedTuple


class Chip(NamedTuple):
    """One chip, in the largest configuration."""

    name: str
    year: int
    bandwidth: float  # bytes/s
    peak: float | None  # float32 FLOP/s of the GPU, where Apple named it


GB, T = 1e9, 1e12

CHIPS = (
    Chip("M1", 2020, 68.25 * GB, 2.6 * T),
    Chip("M1 Pro", 2021, 200 * GB, 5.2 * T),
    Chip("M1 Max", 2021, 400 * GB, 10.4 * T),
    Chip("M1 Ultra", 2022, 800 * GB, 21 * T),
    Chip("M2", 2022, 100 * GB, 3.6 * T),
    Chip("M2 Pro", 2023, 200 * GB, None),
    Chip("M2 Max", 2023, 400 * GB, None),
    Chip("M2 Ultra", 2023, 800 * GB, None),
    Chip("M3", 2023, 100 * GB, None),
    Chip("M3 Pro", 2023, 150 * GB, None),
    Chip("M3 Max", 2023, 400 * GB, None),
    Chip("M3 Ultra", 2025, 819 * GB, None),
    Chip("M4", 2024, 120 * GB, None),
    Chip("M4 Pro", 2024, 273 * GB, None),
    Chip("M4 Max", 2024, 546 * GB, None),
    Chip("M5", 2025, 153 * GB, None),
)
