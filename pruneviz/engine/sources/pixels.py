"""Pixels: one image file as bytes of its pixels, at the size and with the channels that a network takes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine.sources.limits import Limits, room
from pruneviz.engine.sources.refusal import SubjectError, brief, printable
from pruneviz.engine.subject import Preparation

LARGEST_SIDE = 4096
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "PPM")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".tif", ".tiff")
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"GIF8", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def is_image(name: str, data: bytes) -> bool:
    """Whether a file is an image by what it begins with, or says by its name that it is one."""
    begins = data.startswith(_BEGINNINGS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
    return name.lower().endswith(SUFFIXES) or (begins and "." not in name.rpartition("/")[2])


def decoded(name: str, data: bytes, channels: int | None, how: Preparation) -> np.ndarray:
    """An image file's pixels, uint8 [H, W, C]: turned upright as its EXIF note says, in grey or colour as the network wants
    it (as the file has it, where nothing is known), and brought to the size that `how` asks for."""
    from PIL import Image

    shown = printable(name.rpartition("/")[2], 64)
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        # What the file says of its size is checked before anything is unpacked.
        _check_size(shown, image.size)
        return ready(image, channels, how)
    except SubjectError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large(shown, "too many pixels") from None
    except Exception as error:  # PIL raises what its many readers raise
        advice = f"save it again as one of {', '.join(FORMATS)}, or leave it out"
        raise SubjectError(f"{shown} cannot be read as an image ({brief(error)}): {advice}", "image") from None


def fitted(pixels: np.ndarray, how: Preparation) -> np.ndarray:
    """Pixels uint8 [H, W, C] at the size that `how` asks for; those that have it already stay as they are."""
    wanted = how.crop or how.resize
    if wanted is None or pixels.shape[:2] == (wanted, wanted):
        return pixels
    from PIL import Image

    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return _array(_resized(image, how))


def grown(
    count: int, images: Callable[[Preparation], Iterator[tuple[int, np.ndarray]]], how: Preparation, limits: Limits
) -> Tensor:
    """Images as one array [count, C, H, W]. `images(how)` gives each with its place, at the size that `how` asks for.

    Small images of one size that only grow are kept as they are, and grow as they are used; all others get their size here.
    """
    if how.resize and not how.crop:
        stored = stacked(count, images(replace(how, resize=None)), limits, how.resize**2)
        if stored is not None:
            return stored
    return stacked(count, images(how), limits)


def stacked(count: int, images: Iterator[tuple[int, np.ndarray]], limits: Limits, most: int | None = None) -> Tensor | None:
    """Images [H, W, C], each with its place, as one array [count, C, H, W]; all must have one size. Where `most` pixels are
    given, the answer is None if they are larger than that or of several sizes."""
    stored: np.ndarray | None = None
    for place, image in images:
        height, width, channels = image.shape
        if stored is None and (most is None or height * width <= most):
            room(f"{count:,} images of {width} × {height} pixels", count * image.size, limits)
            stored = np.empty((count, channels, height, width), dtype=np.uint8)
        if stored is None or (height, width) != stored.shape[2:]:
            if most is not None:
                return None
            sizes = f"{stored.shape[3]} × {stored.shape[2]} and {width} × {height} pixels"
            raise SubjectError(f"the images have several sizes, such as {sizes}: say [data] resize, and crop", "image-size")
        stored[place] = image.transpose(2, 0, 1)
    return torch.from_numpy(stored)


def ready(image, channels: int | None, how: Preparation) -> np.ndarray:
    """An opened image's pixels, uint8 [H, W, C], as `decoded` has them."""
    from PIL import ImageOps

    upright = _eight_bit(ImageOps.exif_transpose(image))
    grey = upright.mode in ("1", "L", "LA")
    mode = _MODES.get(channels or (1 if grey else 3))
    if mode is None:
        raise SubjectError(
            f"the network takes {channels} channels; images have 1, 3 or 4: give an .npz with such arrays", "channels"
        )
    ready = upright if upright.mode == mode else upright.convert(mode)
    wanted = how.crop or how.resize
    return _array(ready if wanted is None or ready.size == (wanted, wanted) else _resized(ready, how))


def _eight_bit(image):
    """The image with eight bits a channel: 16-bit greys keep their upper eight, which plain conversion would cut off."""
    if not image.mode.startswith("I"):
        return image
    from PIL import Image

    values = np.asarray(image).astype(np.int64)
    return Image.fromarray(np.clip(values >> 8 if values.max(initial=0) > 255 else values, 0, 255).astype(np.uint8))


def _resized(image, how: Preparation):
    """Both sides to `resize`; with `crop` the shorter side to it, then the middle, as torchvision counts pixels."""
    from PIL import Image

    mixing = getattr(Image.Resampling, how.interpolation.upper())
    if how.crop is None:
        return image.resize((how.resize, how.resize), mixing)
    width, height = image.size
    # Without a size to go to, only what is too small for the crop grows.
    shorter = how.resize or max(min(width, height), how.crop)
    if shorter < how.crop:
        raise SubjectError(f"[data] crop {how.crop} is larger than resize {shorter}: give a smaller crop", "crop")
    long = shorter * max(width, height) // min(width, height)
    if long > 4 * LARGEST_SIDE:
        raise SubjectError(f"an image of {width} × {height} pixels is too long to be resized: leave it out", "image-size")
    image = image.resize((shorter, long) if width <= height else (long, shorter), mixing)
    left, top = (round((side - how.crop) / 2) for side in image.size)
    return image.crop((left, top, left + how.crop, top + how.crop))


def _array(image) -> np.ndarray:
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _check_size(shown: str, size: tuple[int, int]) -> None:
    if max(size) > LARGEST_SIDE:
        raise _too_large(shown, f"{size[0]:,} × {size[1]:,} pixels")
    if not min(size):
        raise SubjectError(f"{shown} has no pixels: leave it out", "image")


def _too_large(shown: str, what: str) -> SubjectError:
    return SubjectError(f"{shown} has {what}; at most {LARGEST_SIDE:,} a side are read: make it smaller first", "image-size")
