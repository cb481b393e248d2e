"""The two 4-bit codebooks of bitsandbytes, sorted; `functional.get_4bit_type` there lists them.

bitsandbytes keeps a second code for FP4's zero (its sign); here both are one point, since both are the
weight 0.
"""

from __future__ import annotations

# NormalFloat 4: quantiles of a normal distribution, an exact zero among them (QLoRA, 2305.14314).
NF4 = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)

# A sign, two bits of exponent, one of mantissa; the smallest is no power of the others: 1/16 beside 2 to 12.
_FP4_MAGNITUDES = tuple(magnitude / 12 for magnitude in (0.0625, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0))
FP4 = (*(-magnitude for magnitude in reversed(_FP4_MAGNITUDES)), 0.0, *_FP4_MAGNITUDES)
