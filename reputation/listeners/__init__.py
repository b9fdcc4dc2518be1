"""Bytes: the sockets that the sidecar serves, and the protocols on them."""
