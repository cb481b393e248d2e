"""What is done to the weights after unlearning; each attack returns a new model."""

from unlearnkit.attacks.quantize import quantize
from unlearnkit.attacks.relearn import relearn, relearn_curve
from unlearnkit.attacks.suite import Attack, parse_attack, run_attacks

__all__ = ["Attack", "parse_attack", "quantize", "relearn", "relearn_curve", "run_attacks"]
