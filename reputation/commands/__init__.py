"""The command line: `headcount …`, one file for each command."""
