"""One file a family of evidence: `FAMILY`, and `evidence(seen, now)` that says nothing where it knows nothing."""
