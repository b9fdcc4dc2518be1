"""State shared by replicas in Redis or Valkey, and its scripts."""
