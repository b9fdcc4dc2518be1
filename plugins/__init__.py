"""Gateways, one folder each: an adapter, a complete configuration, and its page."""
