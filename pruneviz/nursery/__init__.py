"""Nursery: child processes that are born in milliseconds with torch already imported, and that end when they are told to.

Importing torch takes seconds; forking a process that has it takes ten milliseconds, but only a process of one thread may be
forked. So one server of one thread imports it once and forks a child for whoever asks: a throw-away one that reads a file
nobody trusts, or a lasting one that works through heavy jobs. Children end with the server, and the server with the app.
"""

from pruneviz.nursery.bounds import Bounds
from pruneviz.nursery.cage import FORBIDDEN
from pruneviz.nursery.children import Child, NurseryError, bear, warm

__all__ = ["FORBIDDEN", "Bounds", "Child", "NurseryError", "bear", "warm"]
