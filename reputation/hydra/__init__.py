"""Linking: which accounts are evidently one actor. Pure, bounded, deterministic; runs in a process of its own."""
