"""The nursery's server: `python -m pruneviz.nursery DESCRIPTOR`, started by `children.warm` and by nobody else."""

import sys

from pruneviz.nursery.server import serve

if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        sys.exit("pruneviz.nursery is started by the app itself, with the descriptor of its line")
    serve(int(sys.argv[1]))
