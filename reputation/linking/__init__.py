"""When accounts are linked, the process that links them, and operators' rulings."""
