"""Messages: the value types at the boundary, their encoding, errors, ids and hashes."""
