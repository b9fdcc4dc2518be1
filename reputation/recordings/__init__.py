"""Recorded decisions, and their result under another revision."""
