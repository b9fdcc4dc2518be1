"""Operators' decisions while the sidecar runs: revisions, trials, labels, appeals, the audit log."""
