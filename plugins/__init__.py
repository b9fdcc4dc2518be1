"""Gateways, one folder each: an adapter, a configuration that works, and its page."""
