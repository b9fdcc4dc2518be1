"""`python -m reputation` is `headcount`."""

from reputation.cli import main

main()
