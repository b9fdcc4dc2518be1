"""`python -m reputation` is `headcount`."""

from reputation.commands.cli import main

main()
