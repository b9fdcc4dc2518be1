"""Bytes: the sockets of the sidecar, and the protocols on them."""
