"""What people decide while the sidecar runs: exceptions, revisions, labels, appeals; and what shows their effect."""
