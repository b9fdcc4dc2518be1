"""State that replicas share in Redis or Valkey, and its scripts."""
