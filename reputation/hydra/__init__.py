"""Which accounts are one actor: detectors, growth, clusters. No clock, bounded memory."""
