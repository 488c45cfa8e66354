"""Video files of every container that is known here, and folders of pictures."""

import os
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from random import Random

import av
import numpy as np
from PIL import Image, PngImagePlugin

from fuzz.mutation import mutated, mutated_text
from fuzz.target import Target, contents
from motionlens.datasets.decode_check import Job, check_video
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError, VideoReader
from motionlens.video.limits import limits_in_force
from motionlens.video.source import open_source

# Name, codec, options of the muxer, options of the codec.
_FILES = (
    ("plain.mp4", "libx264", {}, {}),
    ("fast.mp4", "libx264", {"movflags": "faststart"}, {"g": "3", "bf": "2"}),
    ("fragments.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}, {"g": "3"}),
    ("hevc.mp4", "libx265", {}, {"x265-params": "log-level=none"}),
    ("av1.mp4", "libsvtav1", {}, {}),
    ("xvid.mp4", "mpeg4", {}, {}),
    ("a.mov", "mjpeg", {}, {}),
    ("prores.mov", "prores", {}, {}),
    ("a.3gp", "h263", {}, {}),
    ("a.mkv", "libx264", {}, {"bf": "2"}),
    ("lossless.mkv", "ffv1", {}, {}),
    ("a.webm", "libvpx", {}, {}),
    ("vp9.webm", "libvpx-vp9", {}, {}),
    ("a.avi", "mpeg4", {}, {"bf": "1"}),
    ("raw.avi", "rawvideo", {}, {}),
    ("huff.avi", "huffyuv", {}, {}),
    ("a.ts", "libx264", {}, {}),
    ("old.ts", "mpeg2video", {}, {}),
    ("a.mpg", "mpeg1video", {}, {}),
    ("a.flv", "flv", {}, {}),
    ("a.wmv", "wmv2", {}, {}),
    ("a.ogv", "libvpx", {}, {}),
    ("a.ivf", "libvpx", {}, {}),
    ("a.y4m", "wrapped_avframe", {}, {}),
    ("a.mxf", "mpeg2video", {}, {}),
    ("a.nut", "mpeg4", {}, {}),
    ("a.rm", "rv10", {}, {}),
    ("a.h264", "libx264", {}, {}),
    ("a.hevc", "libx265", {}, {"x265-params": "log-level=none"}),
    ("a.obu", "libsvtav1", {}, {}),
    ("a.m4v", "mpeg4", {}, {}),
    ("a.mjpeg", "mjpeg", {}, {}),
    ("a.gif", "gif", {}, {}),
    ("a.apng", "apng", {}, {}),
)  # fmt: skip
_SIZES = {"h263": (96, 128), "rv10": (48, 64)}
_FEW = 24
# Playlists and the like, which must lead nowhere. The guard puts in the names.
_TEXTS = (
    "ffconcat version 1.0\nfile ../canary.mp4\nfile '@CANARY@'\nduration 1\n",
    "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n@CANARY@\nhttp://127.0.0.1:@PORT@/a.ts\n"
    "#EXT-X-ENDLIST\n",
    "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period>"
    "<BaseURL>http://127.0.0.1:@PORT@/</BaseURL></Period></MPD>",
    "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video @PORT@ RTP/AVP 96\n",
    "<svg xmlns='http://www.w3.org/2000/svg'><image href='@CANARY@' width='9' height='9'/></svg>",
    "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(@CANARY@) (r) file\n",
    "[playlist]\nFile1=@CANARY@\nNumberOfEntries=1\n",
)


def moving(num_frames: int = 8, height: int = 48, width: int = 64) -> np.ndarray:
    """A texture that moves: uint8 ``(T, height, width, 3)``."""
    texture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8).repeat(4, 0)
    texture = texture.repeat(4, 1)
    return np.stack([texture[2 * i :, 3 * i :][:height, :width] for i in range(num_frames)])


def encode(path: Path, codec: str, muxer: dict[str, str], options: dict[str, str]) -> None:
    """Write a short video."""
    height, width = _SIZES.get(codec, (48, 64))
    os.environ["SVT_LOG"] = "0"
    with av.open(str(path), "w", options=muxer) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = height, width
        stream.pix_fmt = _format(codec)
        for picture in moving(8, height, width):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _format(codec: str) -> str:
    special = {"gif": "rgb8", "apng": "rgb24", "huffyuv": "yuv422p", "prores": "yuv422p10le",
               "mjpeg": "yuvj420p", "rawvideo": "yuv420p"}  # fmt: skip
    return special.get(codec, "yuv420p")


def seed_videos(folder: Path) -> None:
    """A short video of each container; what this FFmpeg cannot write is left out."""
    for name, codec, muxer, options in _FILES:
        try:
            encode(folder / name, codec, muxer, options)
        except (av.error.FFmpegError, ValueError):
            (folder / name).unlink(missing_ok=True)
    frames = [Image.fromarray(picture) for picture in moving()]
    frames[0].save(folder / "a.webp", save_all=True, append_images=frames[1:], duration=80)
    for path in folder.iterdir():
        assert path.stat().st_size, path


@lru_cache(maxsize=4)
def _good(folder: Path) -> tuple[list[str], list[bytes]]:
    return [path.name for path in sorted(folder.iterdir())], contents(folder)


def make_video(rng: Random, seeds: Path, where: Path) -> None:
    """One file, whose suffix need not be its own."""
    names, good = _good(seeds)
    number = rng.randrange(len(good))
    name, chance = names[number], rng.random()
    if chance < 0.04:
        text = rng.choice(_TEXTS)
        data = (mutated_text(rng, text) if rng.random() < 0.7 else text).encode(errors="replace")
    elif chance < 0.06:
        data = rng.randbytes(rng.choice((0, 1, 16, 1000)))
    else:
        data = mutated(rng, good[number], good)
    if rng.random() < 0.1:
        name = rng.choice(("a.mp4", "a", "a.webp", "a.m3u8", "a\n\x1b[2J.avi", "%d.png", "a:b.mkv"))
    (where / name).write_bytes(data)


def use_video(rng: Random, where: Path) -> None:
    """Open it by chance as one of the entrances does, and compare with what is promised."""
    (path,) = where.iterdir()
    way = rng.randrange(6)
    if way == 0:
        found = check_video(Job(str(path), decode=rng.random() < 0.5))
        assert bool(found.num_frames) == (not found.reason), found
        if found.reason:
            # The check goes on after any error, and names its type.
            assert not re.match(r"\w+(Error|Exception|Warning): ", found.reason), found.reason
            raise VideoError(f"{path}: {found.reason}")
        return
    if way == 1:
        _stream(path)
        return
    start = rng.choice((None, None, None, 0.0, 0.3, -1.0, 1e9))
    end = rng.choice((None, None, 0.5, 1e-9, 1e12))
    again = partial(open_video, path, start_s=start, end_s=end)
    with again() as reader:
        check_reader(reader, rng, again)


def _stream(path: Path) -> None:
    source, times_s, number = open_source(path), [], 0
    try:
        for frame in source:
            picture = frame.load()
            assert picture.dtype.is_floating_point is False
            assert picture.shape[-3 if picture.shape[0] != 3 else 0] in (3, picture.shape[0])
            times_s.append(frame.time_s)
            number += 1
            if number > 2000:
                break
    finally:
        source.close()
    assert times_s == sorted(times_s)
    assert times_s


def check_reader(reader: VideoReader, rng: Random, again: Callable[[], VideoReader]) -> None:
    """Frames have the size and number that are said, times ascend; another reader has the same."""
    limits, n = limits_in_force(), reader.num_frames
    assert n >= 1
    assert len(reader.times_s) == n
    assert np.isfinite(reader.times_s).all()
    assert (np.diff(reader.times_s) >= 0).all()
    assert 0 < reader.fps < float("inf")
    assert reader.height * reader.width <= limits.max_megapixels * 1e6
    wanted = range(n) if n <= _FEW else sorted(rng.sample(range(n), _FEW))
    frames = reader.read(wanted).data
    assert tuple(frames.shape) == (len(wanted), 3, reader.height, reader.width)
    # Of a damaged picture a decoder may leave what was there before, so the order counts.
    with again() as other:
        assert other.read(wanted).data.equal(frames)


def seed_pictures(folder: Path) -> None:
    """A picture of each format and of several modes."""
    picture = Image.fromarray(moving(1)[0])
    for suffix in ("png", "jpg", "webp", "bmp", "tif"):
        picture.save(folder / f"rgb.{suffix}")
    for mode in ("L", "P", "1", "RGBA", "LA", "CMYK", "I;16"):
        shown = picture.convert("L").convert(mode) if mode == "I;16" else picture.convert(mode)
        shown.save(folder / f"{mode.replace(';', '')}.{'jpg' if mode == 'CMYK' else 'png'}")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(folder / "turned.jpg", exif=exif)
    picture.save(folder / "progressive.jpg", progressive=True)
    picture.save(folder / "packed.tif", compression="tiff_lzw")
    picture.save(folder / "deflated.tif", compression="tiff_adobe_deflate")
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "x" * 1000, zip=True)
    picture.save(folder / "text.png", pnginfo=info)
    frames = [Image.fromarray(one) for one in moving(3)]
    frames[0].save(folder / "many.webp", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "many.tif", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "many.png", save_all=True, append_images=frames[1:])


def _announced(rng: Random) -> bytes:
    """A PNG whose header says what chance will have, and whose content is another."""
    sizes = (0, 1, 20, 64, 1000, 30_000, 60_000, 2**31 - 1)
    head = struct.pack(
        ">IIBBBBB", rng.choice(sizes), rng.choice(sizes), rng.choice((1, 2, 4, 8, 16)),
        rng.choice((0, 2, 3, 4, 6)), 0, 0, rng.choice((0, 1)),
    )  # fmt: skip
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rng.choice((0, 100, 200_000))))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def make_pictures(rng: Random, seeds: Path, where: Path) -> None:
    """A folder of pictures, some of which are changed."""
    names, good = _good(seeds)
    number = rng.randrange(len(good))
    suffix = Path(names[number]).suffix
    folder = where / rng.choice(("frames", "frames", "a\nb", "\x1b[2J"))
    folder.mkdir()
    changed = rng.choice((range(1), range(3), [1]))
    for place in range(3):
        data = good[number]
        if place in changed:
            data = _announced(rng) if rng.random() < 0.1 else mutated(rng, data, good)
        if rng.random() < 0.02:
            data = rng.choice(_TEXTS).encode()
        name = f"{place}{suffix}"
        if rng.random() < 0.02:
            name = rng.choice(("x\ny.png", "\x1b[2J.png", "²1.jpg", "01.png", ".hidden.png"))
        (folder / name).write_bytes(data)


def use_pictures(rng: Random, where: Path) -> None:
    """Open the folder, or some of its pictures, or stream them."""
    (folder,) = where.iterdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        if rng.random() < 0.2:
            _stream(folder)
            return
        path = folder / rng.choice(("*", "[0-9]*")) if rng.random() < 0.2 else folder
        again = partial(open_video, path, fps=rng.choice((12.0, 1e-6, 1e6)))
        with again() as reader:
            check_reader(reader, rng, again)


VIDEOS = Target(seed_videos, make_video, use_video, VideoError)
PICTURES = Target(seed_pictures, make_pictures, use_pictures, VideoError)
