"""Does FFmpeg's command line see the same frames, in the same order and colours, as our reader?

    python benchmarks/decoding_corpus.py --out docs/results/decoding_corpus.json

Makes some 440 files in a temporary folder: codecs x containers x key frames x B-frames x rates x
pixel formats and colour matrices, edit lists, rotations, joined and cut files. Each frame carries
its number. Reads each by index in random order, in order and as a stream, and compares that with
what ``ffmpeg`` decodes. Needs ``ffmpeg`` with its usual encoders; some 6 minutes on one core.
"""

import argparse
import itertools
import json
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motionlens.video.file import open_video
from motionlens.video.source import open_source

HEIGHT, WIDTH, NUM_FRAMES = 96, 128, 40
# Mean difference of a frame's values, 0..255: two versions of the colour conversion round and
# enlarge colour differently beyond 8 bits; another matrix or range differs by 3 and more.
TOLERANCE = 1.0
_SINGLY = 6
_OPEN_GOP = "open-gop=1:bframes=3:b-pyramid=2"
_HEVC = "-c:v libx265 -x265-params log-level=none"
# Containers and encoders that the loops of ``cases`` leave out.
_OTHERS = (
    ("avi mov mkv mp4 mjpeg", ["mjpeg -q:v 3"]),
    ("avi mkv", ["ffv1 -g 1", "ffv1 -g 10", "huffyuv -pix_fmt yuv422p", "ffvhuff", "utvideo"]),
    ("avi mov mkv", ["png -pix_fmt rgb24", "rawvideo"]),
    ("mov mkv", ["prores_ks -pix_fmt yuv422p10le", "cinepak -pix_fmt rgb24"]),
    ("mov", ["qtrle -pix_fmt rgb24", "dvvideo -s 720x576"]),
    ("wmv asf avi", [f"{name} -b:v 2M -g 12" for name in ("wmv1", "wmv2", "msmpeg4v3")]),
    ("avi asf mkv", ["msmpeg4v2 -b:v 2M -g 300"]),
    ("flv", ["flv -b:v 2M -g 12", "flv -b:v 2M -g 300"]),
    ("ogv mkv", ["libtheora -q:v 8 -g 12", "libtheora -q:v 8 -g 64"]),
    ("h264", ["libx264 -g 12 -bf 2", "libx264 -bf 0"]),
    ("hevc", ["libx265 -x265-params log-level=none:keyint=12"]),
    ("avi", ["dvvideo -s 720x576"]),
    ("nut", ["mpeg4 -b:v 2M -bf 2", "libx264 -bf 2"]),
    ("y4m", ["wrapped_avframe", "wrapped_avframe -pix_fmt yuv444p"]),
)
_SCALE = "-vf scale=out_color_matrix={}:out_range={}"
_COLOURS = {
    "bt601": f"{_SCALE.format('bt601', 'tv')} -colorspace smpte170m -color_primaries smpte170m",
    "bt709": f"{_SCALE.format('bt709', 'tv')} -colorspace bt709 -color_primaries bt709",
    "bt2020": f"{_SCALE.format('bt2020', 'tv')} -colorspace bt2020nc -color_primaries bt2020",
    "full": f"{_SCALE.format('bt709', 'pc')} -color_range pc -colorspace bt709",
}


@dataclass(frozen=True)
class Case:
    """A file of the corpus.

    Attributes:
        name: of the file; its suffix chooses the container.
        encode: FFmpeg's options for it.
        copy: options of a second pass that copies the packets into another file; None for none.
        edit: what is done to the bytes: ``"join"`` puts the file behind itself, ``"cut"`` leaves
            out its first third, ``""`` nothing.
        rate: frames per second; ``"vfr"`` for uneven times.
    """

    name: str
    encode: str
    copy: str | None = None
    edit: str = ""
    rate: str = "25"


def cases() -> Iterator[Case]:
    """All of them."""
    number = itertools.count()

    def case(suffix: str, encode: str, **options: Any) -> Case:
        codec = re.sub(r"\W", "", encode.split()[1])
        return Case(f"{next(number):03}_{codec}.{suffix}", encode, **options)

    gops = (1, 12, 250)
    for suffix in ("mp4", "mov", "mkv", "ts", "m2ts", "flv", "avi", "3gp", "m4v"):
        for gop, order in itertools.product(gops, ("-bf 0", "-bf 2", f"-x264-params {_OPEN_GOP}")):
            if suffix != "avi" or order == "-bf 0":  # AVI stores no order
                yield case(suffix, f"-c:v libx264 -g {gop} {order}")
    orders = ("bframes=0", "bframes=3", "bframes=3:open-gop=0")
    for suffix, gop, order in itertools.product(("mp4", "mkv", "ts", "mov"), gops, orders):
        yield case(suffix, f"{_HEVC}:keyint={gop}:{order}")
    for suffix in ("mp4", "avi", "mkv", "ts", "mov", "3gp"):
        for gop, bf in itertools.product(gops, (0, 2)):
            yield case(suffix, f"-c:v mpeg4 -g {gop} -bf {bf} -b:v 2M")
    for suffix in ("mpg", "vob", "ts", "mkv", "mp4", "m2v"):
        for gop, bf in itertools.product((1, 12, 40), (0, 1, 2)):
            yield case(suffix, f"-c:v mpeg2video -g {gop} -bf {bf} -b:v 2M")
    for suffix, gop, bf in itertools.product(("mpg", "ts"), (1, 12, 40), (0, 1, 2)):
        yield case(suffix, f"-c:v mpeg1video -g {gop} -bf {bf} -b:v {'2M' if bf else '80k'}")
    for suffix, gop, hidden in itertools.product(("webm", "mkv", "ivf"), (5, 128), (0, 1)):
        lag = f"-auto-alt-ref {hidden} -lag-in-frames 16"
        yield case(suffix, f"-c:v libvpx -g {gop} {lag} -b:v 1M")
        yield case(suffix, f"-c:v libvpx-vp9 -g {gop} {lag} -cpu-used 5")
    for suffix, gop in itertools.product(("mp4", "mkv", "webm"), (10, 128)):
        yield case(suffix, f"-c:v libaom-av1 -g {gop} -cpu-used 8 -lag-in-frames 0")
    for suffixes, encoders in _OTHERS:
        for suffix, encode in itertools.product(suffixes.split(), encoders):
            yield case(suffix, f"-c:v {encode}")
    rates = ("10", "12", "15", "24000/1001", "30", "30000/1001", "50", "60", "120", "vfr")
    for suffix, rate in itertools.product(("mp4", "mkv", "ts", "mov", "flv"), rates):
        yield case(suffix, "-c:v libx264 -g 12 -bf 2", rate=rate)
    for suffix, rate in itertools.product(("mpg", "ts"), ("24000/1001", "30000/1001", "50", "60")):
        yield case(suffix, "-c:v mpeg2video -g 12 -bf 2 -b:v 400k", rate=rate)
    for suffix, rate in itertools.product(("avi", "webm"), ("10", "24000/1001", "60")):
        codec = "mpeg4 -b:v 2M" if suffix == "avi" else "libvpx -b:v 2M"
        yield case(suffix, f"-c:v {codec} -g 12", rate=rate)
    pixels = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le")
    for suffix, colour, kind in itertools.product(("mp4", "mkv", "ts"), _COLOURS, pixels):
        yield case(suffix, f"-c:v libx264 -g 12 {_COLOURS[colour]} -pix_fmt {kind}")
    for suffix, kind in itertools.product(("mp4", "mkv"), ("yuv420p10le", "yuv444p", "gray")):
        yield case(suffix, f"{_HEVC} -pix_fmt {kind}")
    for suffix in ("mp4", "mkv"):
        yield case(suffix, "-c:v libx264rgb -g 12 -pix_fmt rgb24")
        yield case(suffix, "-c:v libx264 -g 12 -pix_fmt gray")
        yield case(suffix, "-c:v libx264 -g 12 -s 130x98")
        yield case(suffix, "-c:v libvpx-vp9 -cpu-used 8 -g 12 -pix_fmt yuv444p")
    yield case("mkv", "-c:v ffv1 -pix_fmt gray16le")
    cuts = ("-ss 0.5", "-ss 0.7 -t 0.6", "-itsoffset 3.2", "-t 1.1")
    for source, target, cut in itertools.product(("mp4", "mkv"), ("mp4", "mov", "mkv"), cuts):
        yield case(source, "-c:v libx264 -g 12 -bf 2", copy=f"{cut} -i IN -c copy OUT.{target}")
    for target, cut in itertools.product(("mp4", "mov"), ("-ss 0.5", "-ss 0.3 -t 1")):
        copy = f"{cut} -i IN -c copy OUT.{target}"
        yield case("mp4", "-c:v mpeg4 -g 12 -bf 2", copy=copy)
        yield case("mp4", f"{_HEVC}:keyint=12", copy=copy)
    for angle, suffix in itertools.product((90, 180, 270), ("mp4", "mov")):
        turn = f"-i IN -c copy -metadata:s:v rotate={angle} OUT.{suffix}"
        yield case(suffix, "-c:v libx264" if suffix == "mp4" else "-c:v mpeg4", copy=turn)
    for flags in ("frag_keyframe+empty_moov", "faststart", "frag_keyframe+default_base_moof"):
        yield case("mp4", f"-c:v libx264 -g 12 -bf 2 -movflags {flags}")
    old = ("mpeg2video -g 12 -bf 2 -b:v 2M", "mpeg1video -g 12 -bf 2 -b:v 2M")
    for edit, encode in itertools.product(("join", "cut"), (*old, "mpeg2video -g 12 -b:v 100k")):
        yield case("mpg", f"-c:v {encode}", edit=edit)
        yield case("ts", f"-c:v {encode}", edit=edit)
    # Where HEVC is cut, older versions of FFmpeg show grey frames first, so it is not among these.
    for edit, bf in itertools.product(("join", "cut"), (0, 2)):
        yield case("ts", f"-c:v libx264 -g 12 -bf {bf}", edit=edit)


def picture(number: int) -> NDArray[np.uint8]:
    """A moving texture, whose top carries the frame's number: column k is bright for bit k.

    It is smooth, since colour at half resolution is enlarged in different ways.
    """
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(30, 220, (14, 14, 3), dtype=np.uint8))
    texture = np.asarray(coarse.resize((320, 320), Image.Resampling.BICUBIC))
    shown = texture[2 * number :][:HEIGHT, number:][:, :WIDTH].copy()
    for bit in range(8):
        columns = slice(bit * WIDTH // 8, (bit + 1) * WIDTH // 8)
        shown[: HEIGHT // 4, columns] = 235 if number >> bit & 1 else 20
    return shown


def number_of(shown: NDArray[np.uint8]) -> int:
    """The number that a picture carries."""
    strip = shown[: len(shown) // 5].mean(axis=(0, 2))
    return sum(int(part.mean() > 128) << bit for bit, part in enumerate(np.array_split(strip, 8)))


def make(case: Case, folder: Path, ffmpeg: str = "ffmpeg") -> Path:
    """Write the file of a case.

    Raises:
        subprocess.CalledProcessError: If FFmpeg cannot.
    """
    path = folder / case.name
    rate = "25" if case.rate == "vfr" else case.rate
    uneven = ["-vf", "setpts=N*N*0.03/TB/10+N*0.02/TB", "-fps_mode", "vfr"]
    encode = case.encode.split()
    has_pixels = "-pix_fmt" in encode or "-c:v mjpeg" in case.encode
    default = [] if has_pixels else ["-pix_fmt", "yuv420p"]
    pixels = ["-pix_fmt", "yuvj420p"] if "-c:v mjpeg" in case.encode else default
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", rate]
    frames = b"".join(picture(i).tobytes() for i in range(NUM_FRAMES))
    command = [ffmpeg, "-v", "error", "-y", *source, "-i", "-", "-threads", "1"]
    command += [*(uneven if case.rate == "vfr" else []), *encode, *pixels, "-strict", "-1"]
    subprocess.run([*command, str(path)], input=frames, check=True, capture_output=True)
    if case.copy is not None:
        words = case.copy.replace("IN", str(path)).replace("OUT", str(path.with_suffix(".copy")))
        subprocess.run(
            [ffmpeg, "-v", "error", "-y", *words.split()], check=True, capture_output=True
        )
        path = Path(words.split()[-1])
    content = path.read_bytes()
    if case.edit == "join":
        path.write_bytes(2 * content)
    elif case.edit == "cut":
        first = len(content) // 3
        path.write_bytes(content[first - first % (188 if path.suffix == ".ts" else 1) :])
    return path


def decode(path: Path, size: tuple[int, int], ffmpeg: str = "ffmpeg") -> NDArray[np.uint8]:
    """Frames of a file as FFmpeg's command line gives them, ``(T, H, W, 3)``."""
    command = [ffmpeg, "-v", "quiet", "-threads", "1", "-i", str(path), "-map", "0:v:0"]
    command += ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, *size, 3)


def check(case: Case, folder: Path, ffmpeg: str = "ffmpeg") -> dict[str, Any]:
    """Compare one file; ``agrees`` sums it up."""
    path = make(case, folder, ffmpeg)
    rng = np.random.default_rng(0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with open_video(path) as reader:
            order = rng.permutation(reader.num_frames)
            shuffled = {
                int(i): f for i in order[:_SINGLY] for f in to_arrays(reader.read([i]).data)
            }
            shuffled |= dict(zip(order.tolist(), to_arrays(reader.read(order).data), strict=True))
            size = reader.height, reader.width
        with open_video(path) as reader:
            in_order = to_arrays(reader.read(range(reader.num_frames)).data)
            times_s = reader.times_s
    source = open_source(path)
    streamed = [(frame.time_s, frame.load().permute(1, 2, 0).numpy()) for frame in source]
    source.close()
    expected = decode(path, size, ffmpeg)
    wanted = [number_of(frame) for frame in expected]
    same_length = len(expected) == len(in_order)
    difference = (
        max(
            float(np.abs(a.astype(int) - b).mean()) for a, b in zip(expected, in_order, strict=True)
        )
        if same_length
        else None
    )
    result = {
        "frames": len(expected),
        "in_order": [number_of(frame) for frame in in_order] == wanted,
        "random": same_length and all(
            np.array_equal(shuffled[i], frame) for i, frame in enumerate(in_order)
        ),
        "stream": len(streamed) == len(in_order)
        and all(np.array_equal(a, b) for (_, a), b in zip(streamed, in_order, strict=True))
        and bool(np.allclose([time_s for time_s, _ in streamed], times_s, atol=1e-6)),
        "colour": None if difference is None else round(difference, 3),
        "warnings": [*(str(one.message) for one in seen), *source.notes],
    }  # fmt: skip
    agrees = result["in_order"] and result["random"] and result["stream"] and not result["warnings"]
    result["agrees"] = bool(agrees and difference is not None and difference <= TOLERANCE)
    path.unlink()
    return result


def to_arrays(data: Any) -> NDArray[np.uint8]:
    """``(T, 3, H, W)`` as ``(T, H, W, 3)``."""
    array: NDArray[np.uint8] = data.permute(0, 2, 3, 1).numpy()
    return array


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file for the result")
    parser.add_argument("--only", default="", help="part of the names to run")
    options = parser.parse_args()
    rows, skipped = [], []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases():
            if options.only not in f"{case.name} {case.encode}":
                continue
            about = {k: v for k, v in vars(case).items() if v not in (None, "")}
            try:
                rows.append({**about, **check(case, Path(folder))})
            except subprocess.CalledProcessError as error:
                reason = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
                skipped.append({**about, "reason": " ".join(reason)})
                print("skipped", case.name, case.encode, reason, file=sys.stderr)
                continue
            except Exception as error:
                rows.append(
                    {
                        **about,
                        "agrees": False,
                        "error": f"{type(error).__name__}: {error}".replace(folder, ""),
                    }
                )
            if not rows[-1]["agrees"]:
                print(rows[-1], file=sys.stderr)
    versions = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True)
    result = {
        "ffmpeg": versions.stdout.splitlines()[0],
        "av": av.__version__,
        "av_libraries": {name: ".".join(map(str, v)) for name, v in av.library_versions.items()},
        "num_files": len(rows),
        "num_agree": sum(row["agrees"] for row in rows),
        "num_frames": sum(row.get("frames", 0) for row in rows),
        "largest_colour_difference": max(row.get("colour") or 0.0 for row in rows),
        "not_made": skipped,
    }
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    head = json.dumps(result, indent=1)[:-2]
    options.out.write_text(f'{head},\n "files": [\n{lines}\n ]\n}}\n')
    print(f"{result['num_agree']} of {result['num_files']} files agree")


if __name__ == "__main__":
    main()
