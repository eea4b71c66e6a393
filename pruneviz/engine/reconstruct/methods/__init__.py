"""The shelf of methods: every file here is one, found by looking."""
