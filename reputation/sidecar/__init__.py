"""The running program: its parts put together, what is in force, and what it shows of itself."""
