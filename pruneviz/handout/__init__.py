"""Handout: what a visitor takes away. One HTML file that needs nobody else, and the same as PDF and pictures."""
