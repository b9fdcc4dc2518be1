"""The commands of `headcount`, one file each. A command reads options and prints results; other modules do the work."""
