"""Messages: the value types that go in and out, how they are encoded, errors, ids and hashes."""
