"""PruneViz: what pruning a network removes, and what that costs."""

import os

# Torch's threads wait for each other between two operations by spinning, and on a busy machine each then spins away the time
# that another needs: on two threads beside three other programs training takes three times as long, beside eight a quarter
# of an hour instead of seconds. It is read once, as torch is loaded: so it is said here, before anything of ours imports
# torch, and every child inherits it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
