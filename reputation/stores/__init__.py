"""Where state lives; every store keeps the same contract."""
