"""One picture: of a promised format, within the limits before it is decoded, upright."""

import ctypes
import logging
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, TiffImagePlugin, UnidentifiedImageError, _imaging

from motionlens._utils.errors import one_line
from motionlens.video.frames import VideoError
from motionlens.video.limits import Limits

# Pillow opens what it finds by content, and PostScript runs programs. Only these are opened.
PICTURE_FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
# For broken files Pillow's decoders raise many types of errors.
BROKEN = (
    OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError,
    MemoryError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
# A progressive JPEG has some ten scans; encoders that try out all ways have fewer than a hundred.
_SCAN, _MOST_SCANS = b"\xff\xda", 100
# Tags of the sizes of a TIFF's tiles or strips. Some writers store equal ones once.
_SIZES_OF_PARTS, _MOST_TIMES = (325, 279), 100
# More than 8 bits per pixel, of which Pillow would show all above 255 as white.
_DEEP_MODES = ("I", "F")

# Pillow and libtiff would print errors of their own beside ours.
logging.getLogger("PIL").addHandler(logging.NullHandler())
with suppress(OSError, AttributeError, TypeError):
    ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def read_picture(
    file: Path | IO[bytes],
    name: str,
    advice: str,
    limits: Limits,
    *,
    formats: tuple[str, ...] = PICTURE_FORMATS,
    is_upright: bool = False,
) -> NDArray[np.uint8]:
    """One picture, upright: uint8 ``(H, W, 3)``; its size is checked before it is decoded.

    Args:
        file: the picture.
        name: of the picture, for errors.
        advice: what to do about an error.
        limits: how large it may be.
        formats: Pillow's names of those that it may have, by its content.
        is_upright: it is stored as it is shown, so no tag needs to be looked for.

    Transparency is left out: every pixel has the colour that is stored for it.

    Raises:
        VideoError: If it cannot be read, is too large, or has more than 8 bits per pixel and
            colour; with its name and the advice.
    """
    if isinstance(file, Path) and file.exists() and not file.is_file():
        raise VideoError(f"{name}: must be a file, it is a folder, a pipe or a device; {advice}")
    try:
        with open_picture(file, name, limits, formats) as image:
            # Pillow gives grey of 16 bits with transparency as 8 bits, by its upper half.
            is_cut = any(str(tile[3]).startswith("LA;16") for tile in getattr(image, "tile", []))
            if image.mode.startswith(_DEEP_MODES) or is_cut:
                bits = 16 if is_cut or "16" in image.mode else 32
                raise VideoError(
                    f"{name}: holds {bits} bits per pixel, of which a network sees 8; choose the "
                    "range that matters and convert it to 8-bit grey"
                )
            if not is_upright:
                ImageOps.exif_transpose(image, in_place=True)
            return np.asarray(image.convert("RGB"))
    except VideoError:
        raise
    except BROKEN as error:
        raise VideoError(
            f"{name}: cannot be read as a picture ({reason_of(error, formats)}); {advice}"
        ) from error


def open_picture(
    file: Path | IO[bytes], name: str, limits: Limits, formats: tuple[str, ...]
) -> Image.Image:
    """A picture of which the header alone has been read, within the limits."""
    image = Image.open(file, formats=formats)
    try:
        limits.check_frame(name, image.height, image.width)
        if image.format == "JPEG":
            _check_scans(image, name)
        elif image.format == "TIFF":
            _check_parts(image, name)
    except VideoError:
        image.close()
        raise
    return image


def _check_scans(image: Image.Image, name: str) -> None:
    """Refuse a JPEG of many scans, each of which goes over all of the picture."""
    assert isinstance(image, ImageFile.ImageFile)
    assert image.fp is not None
    place = image.fp.tell()
    image.fp.seek(0)
    num_scans = image.fp.read().count(_SCAN)  # within the data of a scan it cannot occur
    image.fp.seek(place)
    if num_scans > _MOST_SCANS:
        raise VideoError(
            f"{name}: a JPEG may have {_MOST_SCANS} scans here, this one has {num_scans}; save it "
            "again"
        )


def _check_parts(image: Image.Image, name: str) -> None:
    """Refuse a TIFF whose tiles or strips lie at one place, which is read for each of them."""
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    assert image.fp is not None
    sizes = next((image.tag_v2[tag] for tag in _SIZES_OF_PARTS if tag in image.tag_v2), ())
    place = image.fp.tell()
    num_bytes = image.fp.seek(0, os.SEEK_END)
    image.fp.seek(place)
    asked = sum(sizes if isinstance(sizes, tuple) else (sizes,))
    if asked > _MOST_TIMES * num_bytes:
        raise VideoError(
            f"{name}: the tiles of a TIFF must lie side by side, those of this one take {asked} "
            f"bytes in a file of {num_bytes}; save it again"
        )


def reason_of(error: BaseException, formats: tuple[str, ...]) -> str:
    """What Pillow says of a picture, without the objects in its words."""
    if isinstance(error, UnidentifiedImageError):
        return f"cannot identify its format, it must be {' or '.join(formats)}"
    return one_line(error)
