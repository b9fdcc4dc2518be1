"""One check: which account it is, what is seen, how it is judged, and which buckets it takes from."""
