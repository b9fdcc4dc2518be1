"""A tenant's state in memory."""
