"""Present: the form before it, the five slides, and what is asked in the room."""
