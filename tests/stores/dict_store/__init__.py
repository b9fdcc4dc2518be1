"""A store that replicas of one process share, in dicts: what a new store needs, and nothing else."""
