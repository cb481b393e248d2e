"""How far a model may be displaced before its smoothed self could remember, and what that does not say."""
