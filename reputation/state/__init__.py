"""What is remembered of a tenant, in memory."""
