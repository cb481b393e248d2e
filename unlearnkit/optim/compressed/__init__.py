"""First order, compressed: the direction of a step in a few bits, down to its sign."""

from unlearnkit.optim.compressed.signsgd import SignSGD
from unlearnkit.optim.compressed.signum import SignAdam, Signum
from unlearnkit.optim.entry import PAPER, Entry

ENTRIES = (
    Entry("signsgd", "first order, sign", 1, False, 3, 0, "Bernstein et al. 2018 (1802.04434), Alg. 1",
          SignSGD),
    Entry("signum", "first order, sign", 1, False, 3, 4, "Bernstein et al. 2018 (1802.04434), Alg. 2",
          Signum),
    Entry("signadam", "first order, sign", 1, False, 3, 4,
          f"{PAPER}: sign of Adam's direction, which is Signum", SignAdam),
)  # fmt: skip

__all__ = ["SignAdam", "SignSGD", "Signum"]
