"""Points to risk, risk to a tier, a tier to limits. Pure."""
