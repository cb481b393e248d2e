"""How flat it is: every estimate against a Hessian that is written down."""
