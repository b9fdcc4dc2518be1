"""Evidence: one file for each family."""
