"""Decisions of people at run time: exceptions, revisions, labels and appeals; and reports of their effects."""
