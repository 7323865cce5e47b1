"""Rates, billing cycles, the pricing of usage, and the bills that utilities send."""
