"""State in memory in front of a SQLite file."""
