"""Lessons on the screen: the box above the page on which a lesson is done, the list of all, and the teacher's link."""
