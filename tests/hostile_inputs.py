"""Inputs that hurt, made by script, and processes that take them as a command would."""

import io
import multiprocessing
import os
import resource
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import httpx2
import numpy as np
from PIL import Image, PngImagePlugin

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["motionlens.training.fit", "motionlens.inference.evaluation", "motionlens.export.exporting"]
)
# What sends files to a path of a server: status and answer.
Send = Callable[[str, list[Path]], tuple[int, dict[str, Any]]]
_MEMORY = int(1.5e9)
_CPU_S = 10
# A process that waits uses no time of the processor.
_WAIT_S = 240


def fifo(path: Path) -> None:
    """A pipe that nobody writes to."""
    os.mkfifo(path)


def endless(path: Path) -> None:
    """A device without an end."""
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)  # the address must be short
        server.bind(path.name)


def folder(path: Path) -> None:
    """A folder."""
    path.mkdir()


def empty(path: Path) -> None:
    """Nothing."""
    path.touch()


def text(content: str) -> Callable[[Path], None]:
    """A file with some text."""

    def write(path: Path) -> None:
        path.write_text(content)

    return write


def png_header(width: int, height: int, rest: bytes = b"") -> bytes:
    """A PNG that announces a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rest + chunk(b"IDAT", zlib.compress(b""))


def large_png(path: Path) -> None:
    """A true picture of 100 megapixels in 100 KB."""
    Image.new("L", (10_000, 10_000)).save(path, "PNG")


def text_bomb(path: Path) -> None:
    """A picture with a text that expands to a gigabyte."""
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "x" * 100_000_000, zip=True)
    Image.new("RGB", (32, 32)).save(path, "PNG", pnginfo=info)


def long_gif(path: Path) -> None:
    """A hundred thousand frames in 2.5 MB."""
    frame = io.BytesIO()
    Image.new("P", (16, 16)).save(frame, "GIF")
    content = frame.getvalue()
    start = content.index(b"\x2c")
    control = b"\x21\xf9\x04\x00\x04\x00\x00\x00"
    path.write_bytes(content[:start] + (control + content[start:-1]) * 100_000 + b";")


def large_gif(path: Path) -> None:
    """Twenty thousand frames on a canvas of 30 megapixels."""
    frame = io.BytesIO()
    Image.new("P", (16, 16)).save(frame, "GIF")
    content = bytearray(frame.getvalue())
    content[6:10] = struct.pack("<HH", 6000, 5000)
    start = content.index(b"\x2c")
    control = b"\x21\xf9\x04\x00\x04\x00\x00\x00"
    path.write_bytes(bytes(content[:start]) + (control + bytes(content[start:-1])) * 20_000 + b";")


def many_samples(path: Path) -> None:
    """A table of a hundred million samples, of one byte each, in one chunk."""
    content = bytearray((path.parent / "good.mp4").read_bytes())
    for box, offset, number in (("stsz", 8, 1), ("stsz", 12, 10**8), ("stsc", 16, 10**8)):
        place = content.index(box.encode()) + offset
        content[place : place + 4] = struct.pack(">I", number)
    path.write_bytes(content)


def many_fragment_samples(path: Path) -> None:
    """A fragment of twenty million samples, whose table takes no byte for each."""
    content = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    with av.open(content, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 48, 3), np.uint8), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode(None)])
    data = bytearray(content.getvalue())
    place = data.index(b"trun")
    data[place + 4 : place + 12] = struct.pack(">II", 0, 20_000_000)
    path.write_bytes(data)


# Name of a file, and what makes it.
FILES: dict[str, Callable[[Path], None]] = {
    "pipe.mp4": fifo,
    "device.mp4": endless,
    "socket.mp4": listening,
    "empty.mp4": empty,
    "pipe.webp": fifo,
    "device.webp": endless,
    "art.mp4": text("\x1b[31mA\x1b[0m\n" * 500),
    "concat.mp4": text("ffconcat version 1.0\nfile good.mp4\n"),
    "hls.mp4": text("#EXTM3U\n#EXTINF:1,\ngood.mp4\n#EXT-X-ENDLIST\n"),
    "dash.mp4": text("<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>"),
    "sdp.mp4": text("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n"),
    "svg.mp4": text("<svg xmlns='http://www.w3.org/2000/svg' width='9999' height='9999'/>"),
    "eps.mp4": text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n"),
    "odd\nname\x1b[2J.mp4": text("no video"),
    "long.gif": long_gif,
    "large.gif": large_gif,
    "many_samples.mp4": many_samples,
    "many_fragment_samples.mp4": many_fragment_samples,
}
# The same of the pictures of a folder.
PICTURES: dict[str, Callable[[Path], None]] = {
    "pipe": fifo,
    "device": endless,
    "socket": listening,
    "folder": folder,
    "eps": text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n"),
    "svg": text("<svg xmlns='http://www.w3.org/2000/svg' width='9999' height='9999'/>"),
    "header": lambda path: path.write_bytes(png_header(50_000, 50_000)) and None,
    "wide": lambda path: Image.new("L", (60_000, 1)).save(path, "PNG"),
    "large": large_png,
    "text_bomb": text_bomb,
}


def take(words: list[str], where: Path) -> tuple[int | None, str, str]:
    """Run a command in a process with 1.5 GB above what it starts with, and 10 s of a processor.

    Returns:
        Its status, negative if it was killed, None if it did not end; its output and its errors.
    """
    process = _CONTEXT.Process(target=_run, args=(words, where))
    process.start()
    process.join(_WAIT_S)
    status = process.exitcode
    process.kill()
    process.join()
    return status, *((where / name).read_text(errors="replace") for name in ("stdout", "stderr"))


def _run(words: list[str], where: Path) -> None:
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(where / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", buffering=1, closefd=False) for n in (1, 2))
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
    # Writing an exported network takes 20 s of its own on a busy machine, whatever the clips are.
    most = int(sum(os.times()[:2])) + _CPU_S * (4 if words[0] == "export" else 1)
    resource.setrlimit(resource.RLIMIT_CPU, (most, most + 5))
    from motionlens.cli.main import main

    status = main(words)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


@contextmanager
def running_server(where: Path) -> Iterator[Send]:
    """A server of its own; gives what sends files to it.

    It has 1.5 GB of memory above what it has when it listens, and its processes as much.
    """
    command = [sys.executable, "-m", "motionlens", "serve", "bundled", "--port", "0"]
    command += ["--device", "cpu", "--decode_seconds", str(_CPU_S)]
    with (
        (where / "stderr").open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            address = next(
                word for line in process.stdout for word in line.split() if "://" in word
            )
            statm = Path(f"/proc/{process.pid}/statm").read_text()
            most = int(statm.split()[0]) * resource.getpagesize() + _MEMORY
            resource.prlimit(process.pid, resource.RLIMIT_AS, (most, most))

            def send(path: str, files: list[Path]) -> tuple[int, dict[str, Any]]:
                name = "files" if path.endswith("pictures") else "file"
                sent = [(name, (file.name, file.read_bytes())) for file in files]
                answer = httpx2.post(f"{address}{path.lstrip('/')}", files=sent, timeout=_WAIT_S)
                return answer.status_code, answer.json()

            yield send
        finally:
            process.kill()
    assert (where / "stderr").read_bytes() == b""
