"""First order, compressed: the direction of a step in a few bits, down to its sign; or the state in 8."""

from functools import partial

from unlearnkit.optim.compressed.direction import QuantizedDirection
from unlearnkit.optim.compressed.onebit_adam import OneBitAdam
from unlearnkit.optim.compressed.quantizer import Quantizer
from unlearnkit.optim.compressed.signsgd import SignSGD
from unlearnkit.optim.compressed.signum import SignAdam, Signum
from unlearnkit.optim.compressed.state_8bit import AdamState8bit
from unlearnkit.optim.entry import PAPER, Entry

COMPRESSED = "first order, compressed"
ENTRIES = (
    Entry("signsgd", "first order, sign", 1, False, 3, 0, "Bernstein et al. 2018 (1802.04434), Alg. 1",
          SignSGD),
    Entry("signum", "first order, sign", 1, False, 3, 4, "Bernstein et al. 2018 (1802.04434), Alg. 2",
          Signum),
    Entry("signadam", "first order, sign", 1, False, 3, 4,
          f"{PAPER}: sign of Adam's direction, which is Signum", SignAdam),
    Entry("adam_direction_8bit", COMPRESSED, 8, False, 3, 8, f"{PAPER}: Q(m; 8), m Adam's direction",
          partial(QuantizedDirection, base="adam", bits=8)),
    Entry("adam_direction_4bit", COMPRESSED, 4, False, 3, 8, f"{PAPER}: Q(m; 4), m Adam's direction",
          partial(QuantizedDirection, base="adam", bits=4)),
    Entry("sgd_direction_8bit", COMPRESSED, 8, False, 3, 0, f"{PAPER}: Q(m; 8), m the gradient",
          partial(QuantizedDirection, base="sgd", bits=8)),
    Entry("onebit_adam", COMPRESSED, 1, False, 3, 12, "Tang et al. 2021 (2102.02888)", OneBitAdam),
    Entry("adam_state_8bit", "first order", 32, False, 3, 2 + 8 / 256,
          "Dettmers et al. 2022 (2110.02861): the state, not the direction, in 8 bits", AdamState8bit),
)  # fmt: skip

__all__ = [
    "AdamState8bit",
    "OneBitAdam",
    "QuantizedDirection",
    "Quantizer",
    "SignAdam",
    "SignSGD",
    "Signum",
]
