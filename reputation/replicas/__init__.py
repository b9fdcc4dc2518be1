"""Several sidecars, one truth: checks over shared state, its loss, and shared links."""
