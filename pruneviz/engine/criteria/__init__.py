"""The shelf of criteria: every file here is one, found by looking."""
