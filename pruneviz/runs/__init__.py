"""Runs: heavy work in a process of its own, with a queue before it, so that no page waits and Cancel is true."""
