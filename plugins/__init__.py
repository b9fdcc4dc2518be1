"""Gateways, one folder each: an adapter, a listener if it needs one, a complete configuration, and its page."""
