"""Token buckets, takes and reservations: pure arithmetic."""
