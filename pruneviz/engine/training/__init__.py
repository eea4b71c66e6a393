"""Training: a loop that hands out moments, and how a shipped sample came about."""
