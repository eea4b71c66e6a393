"""How digits_resnet came about: a residual network of four blocks, trained on 1,297 digits from one seed.

Run it from the repository's root: `python -m sample_models.digits_resnet.make`
"""

from __future__ import annotations

from pathlib import Path

from pruneviz.engine.training.sample import Schooling, make

HERE = Path(__file__).resolve().parent
HOW = Schooling(epochs=40, batch=64, rate=5e-3, decay=0.5, shift=1, seed=0)


def main(folder: Path = HERE, how: Schooling = HOW, curves: bool = True) -> None:
    """Train, and write weights.safetensors; then measure and write curves.json beside it."""
    make(folder, how)
    if curves:
        from pruneviz.engine.curves import write_curves

        write_curves(folder)


if __name__ == "__main__":
    main()
