"""Recorded decisions, and what another revision would have made of them."""
