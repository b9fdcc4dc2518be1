"""The commands of `headcount`, one file each; they talk to people, the work is done elsewhere."""
