"""One image file: the pixels that a network sees, and a sentence for what is no image or too large a one."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.sources import pixels
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.subject import Preparation
from tests.engine.sources.archives import flat, picture

PLAIN = Preparation()
RANDOM = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def test_pixels_are_what_was_saved():
    assert np.array_equal(pixels.decoded("a.png", picture(RANDOM), 3, PLAIN), RANDOM)
    grey = RANDOM[..., 0]
    assert np.array_equal(pixels.decoded("a.png", picture(grey), None, PLAIN), grey[..., None])
    assert np.array_equal(pixels.decoded("a.png", picture(grey), 3, PLAIN), np.repeat(grey[..., None], 3, 2))
    assert pixels.decoded("a.png", picture(RANDOM), 1, PLAIN).shape == (6, 9, 1)
    assert pixels.decoded("a.jpg", picture(RANDOM, "JPEG"), None, PLAIN).shape == (6, 9, 3)


def test_sixteen_bits_keep_the_upper_eight():
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.array([[0, 256], [32768, 65535]], np.uint16)).save(stream, "PNG")
    assert pixels.decoded("a.png", stream.getvalue(), 1, PLAIN)[..., 0].tolist() == [[0, 1], [128, 255]]


def test_a_camera_held_sideways_is_turned_upright():
    from PIL import Image

    note = Image.Exif()
    note[0x0112] = 6  # turn a quarter to the right to see it
    data = picture(RANDOM, "PNG", exif=note.tobytes())
    assert np.array_equal(pixels.decoded("a.png", data, 3, PLAIN), np.rot90(RANDOM, -1))


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (33, 100), (32, 32)])
@pytest.mark.parametrize("mixing", ["bilinear", "bicubic", "nearest"])
def test_shorter_side_then_the_middle_as_torchvision_does_it(size, mixing):
    from PIL import Image
    from torchvision.transforms import InterpolationMode, v2

    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    plan = v2.Compose([v2.Resize(24, InterpolationMode(mixing)), v2.CenterCrop(17)])
    how = Preparation(resize=24, crop=17, interpolation=mixing)
    wanted = np.asarray(plan(Image.fromarray(image)))
    assert np.array_equal(pixels.decoded("a.png", picture(image), 3, how), wanted)
    assert np.array_equal(pixels.fitted(image, how), wanted)


def test_sizes():
    image = picture(RANDOM)
    assert pixels.decoded("a.png", image, 3, Preparation(resize=5)).shape == (5, 5, 3)
    assert pixels.decoded("a.png", image, 3, Preparation(crop=4)).tolist() == RANDOM[1:5, 2:6].tolist()
    assert pixels.decoded("a.png", image, 3, Preparation(crop=12)).shape == (12, 12, 3)
    # What has the wanted size already was cropped before.
    square = RANDOM[:, :6]
    assert np.array_equal(pixels.decoded("a.png", picture(square), 3, Preparation(resize=9, crop=6)), square)
    with pytest.raises(SubjectError, match="larger than resize"):
        pixels.decoded("a.png", image, 3, Preparation(resize=4, crop=7))


def declared(width: int, height: int) -> bytes:
    """A PNG that says it is so large and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(4097, 1), (1, 5000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_what_says_it_is_huge_is_not_unpacked(size):
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(SubjectError) as caught:
        pixels.decoded("a.png", declared(*size), 3, PLAIN)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.code in ("image-size", "image") and peak < 5_000_000


def test_other_formats_and_damage_get_one_sentence():
    for data in (b"", b"GIF8", b"\xff\xd8\xff", b"II*\0" + bytes(40), picture(RANDOM)[:50], b"<svg/>"):
        with pytest.raises(SubjectError) as caught:
            pixels.decoded("x/<b>.png", data, 3, PLAIN)
        assert caught.value.code == "image" and "\n" not in str(caught.value) and len(str(caught.value)) < 400


@given(st.integers(0, 10_000), st.integers(1, 255), st.booleans(), st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "WEBP"]))
def test_any_damage_is_an_image_or_one_sentence(place, change, cut, kind):
    data = bytearray(picture(flat(90, (5, 7)), kind))
    at = place % len(data)
    if cut:
        data = data[:at]
    else:
        data[at] ^= change
    try:
        found = pixels.decoded("a", bytes(data), 3, PLAIN)
    except SubjectError as error:
        assert "\n" not in str(error)
    else:
        assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3


def test_channels_that_no_image_has():
    with pytest.raises(SubjectError, match="takes 5 channels"):
        pixels.decoded("a.png", picture(RANDOM), 5, PLAIN)
