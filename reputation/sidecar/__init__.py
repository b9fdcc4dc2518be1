"""The running program: its parts put together, the active settings, metrics and logs."""
