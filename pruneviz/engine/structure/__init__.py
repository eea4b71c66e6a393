"""What can go at once: filters and what hangs on them, neurons, attention heads, layers; and how they really go."""
