"""Clips from shards in a store of 20 ms and 100 MB/s: the indexed reader, and webdataset's.

python benchmarks/shards_from_store.py --out docs/results/shards_from_store.json

The store is a server of this machine that waits before each answer and sends no faster. The indexed
reader takes clips of 8 frames in random order, webdataset all of each shard in its order, of which
the same number of frames is decoded. Both run in as many processes.
"""

import argparse
import io
import json
import multiprocessing
import os
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from motionlens._utils.machine import versions
from motionlens._utils.process_pool import run_in_processes
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.shard_writing import Encoded, write_shard
from motionlens.video.file import open_video
from motionlens.video.shards import read_table

LATENCY_S, BYTES_PER_S = 0.02, 100e6
FRAMES, STRIDE, SIZE, FPS = 8, 4, (256, 340), 25.0
_CHUNK = 65536


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 0

    def do_GET(self) -> None:
        path = Path(self.server.folder, self.path.strip("/"))  # type: ignore[attr-defined]
        time.sleep(LATENCY_S)
        if not path.is_file():
            self.send_error(404)
            return
        size = path.stat().st_size
        first, end, status = 0, size, 200
        if wanted := self.headers.get("Range"):
            low, high = wanted.removeprefix("bytes=").split("-")
            first, end, status = int(low), min(int(high) + 1, size), 206
        self.send_response(status)
        self.send_header("Content-Length", str(end - first))
        self.send_header("ETag", f'"{size}"')
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if self.command == "HEAD":
            return
        with path.open("rb") as file:
            file.seek(first)
            while (left := end - file.tell()) > 0:
                content = file.read(min(_CHUNK, left))
                self.server.wait_turn(len(content))  # type: ignore[attr-defined]
                self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class _Store(ThreadingHTTPServer):
    """All its connections together send no faster than the store does."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self._lock, self._free = folder, threading.Lock(), 0.0

    def wait_turn(self, num_bytes: int) -> None:
        with self._lock:
            now = time.perf_counter()
            self._free = max(self._free, now) + num_bytes / BYTES_PER_S
            wait_s = self._free - now
        if wait_s > 0.001:
            time.sleep(wait_s)

    def handle_error(self, *_: Any) -> None:
        """Clients leave as they like."""


def serve(folder: str, port: Any) -> None:
    store = _Store(folder)
    port.value = store.server_port
    store.serve_forever()


def draw_videos(number: int, num_frames: int) -> list[list[bytes]]:
    """JPEGs of smooth noise that moves, of the size that frames of Kinetics have."""
    rng = np.random.default_rng(0)
    videos = []
    for _ in range(number):
        small = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
        ground = Image.fromarray(small).resize((SIZE[1] + num_frames, SIZE[0]), Image.BICUBIC)
        noisy = np.asarray(ground, np.int16) + rng.integers(-9, 9, (SIZE[0], 1, 1), np.int16)
        whole = np.clip(noisy, 0, 255).astype(np.uint8)
        pictures = []
        for t in range(num_frames):
            data = io.BytesIO()
            Image.fromarray(whole[:, t : t + SIZE[1]]).save(data, "JPEG", quality=90)
            pictures.append(data.getvalue())
        videos.append(pictures)
    return videos


def write_shards(folder: Path, shards: int, videos: int, num_frames: int) -> dict[str, float]:
    """Write them twice, with the package's writer and with webdataset's; MB/s of both."""
    import webdataset

    drawn = draw_videos(8, num_frames)
    times_s = np.arange(num_frames) / FPS
    spent = {"motionlens": 0.0, "webdataset": 0.0}
    for number in range(shards):
        chosen = [drawn[(number + n) % len(drawn)] for n in range(videos)]
        entries = [ListEntry(f"{n}.mp4", "a") for n in range(videos)]
        begin = time.perf_counter()
        write_shard(
            folder / f"train-{number:06}.tar",
            0,
            entries,
            [(1, 1)] * videos,
            (Encoded(pictures, FPS, times_s) for pictures in chosen),
        )
        spent["motionlens"] += time.perf_counter() - begin
        begin = time.perf_counter()
        with webdataset.TarWriter(str(folder / f"webdataset-{number:06}.tar")) as writer:
            for n, pictures in enumerate(chosen):
                frames = {f"{t:05}.jpg": picture for t, picture in enumerate(pictures)}
                writer.write({"__key__": f"{n:08}", "json": {"label": "a"}, **frames})
        spent["webdataset"] += time.perf_counter() - begin
    num_bytes = sum(path.stat().st_size for path in folder.glob("train-*.tar"))
    return {name: round(num_bytes / 1e6 / s, 1) for name, s in spent.items()}


def read_indexed(clips: list[tuple[str, int]]) -> int:
    """Read clips, each from a place of its own, by the table of their shard."""
    for path, first in clips:
        with open_video(path) as reader:
            reader.read(np.arange(FRAMES) * STRIDE + first)
    return len(clips)


def read_streamed(urls: list[str]) -> int:
    """Read shards from their beginnings to their ends; of each video decode a clip's frames."""
    import webdataset
    from webdataset.gopen import gopen_schemes

    gopen_schemes["http"] = lambda url, *_, **__: urllib.request.urlopen(url)
    number = 0
    for url in urls:
        for sample in webdataset.WebDataset(url, shardshuffle=False):
            names = sorted(name for name in sample if name.endswith("jpg"))
            for name in names[: FRAMES * STRIDE : STRIDE]:
                np.asarray(Image.open(io.BytesIO(sample[name])).convert("RGB"))
            number += 1
    return number


def rate(work: Callable[[Any], int], tasks: list[Any], processes: int) -> float:
    """Clips per second in so many processes, without the time in which these start."""
    results = run_in_processes(partial(_timed, work), tasks, num_workers=processes)
    found = [result for _, result in results]
    number = sum(done for done, _, _ in found)
    return round(number / (max(end for *_, end in found) - min(first for _, first, _ in found)), 1)


def _timed(work: Callable[[Any], int], task: Any) -> tuple[int, float, float]:
    begin = time.time()
    return work(task), begin, time.time()


def measure(folder: Path, where: str, args: argparse.Namespace, processes: int) -> dict[str, float]:
    """Rates of both readers; of the indexed one with an empty and with a filled cache."""
    shards = sorted(folder.glob("train-*.tar"))
    rng = np.random.default_rng(0)
    every = [
        (f"{where}/{shard.name}/{name:08}", int(first))
        for shard in shards
        for name in read_table(shard).numbers.tolist()
        for first in rng.integers(0, args.frames - FRAMES * STRIDE, 1)
    ]
    order = rng.permutation(len(every)).tolist()
    tasks = [[every[n] for n in order[k :: 2 * processes]] for k in range(2 * processes)]
    found = {}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MOTIONLENS_CACHE"] = cache
        found["indexed"] = rate(read_indexed, tasks, processes)
        if where.startswith("http"):
            found["indexed, cached"] = rate(read_indexed, tasks, processes)
    urls = [f"{where}/{shard.name}" for shard in shards]
    found["webdataset"] = rate(read_streamed, [[url] for url in urls], processes)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--videos", type=int, default=12, help="of a shard")
    parser.add_argument("--frames", type=int, default=150, help="of a video")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 4])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written = write_shards(folder, args.shards, args.videos, args.frames)
        context = multiprocessing.get_context("spawn")
        port = context.Value("i", 0)
        server = context.Process(target=serve, args=(name, port), daemon=True)
        server.start()
        while not port.value:
            time.sleep(0.05)
        size = sum(path.stat().st_size for path in folder.glob("train-*.tar"))
        result = {
            "latency_s": LATENCY_S,
            "megabytes_per_s": BYTES_PER_S / 1e6,
            "clip": f"{FRAMES} frames, stride {STRIDE}, of {SIZE[0]}x{SIZE[1]} px",
            "videos": args.shards * args.videos,
            "frames_per_video": args.frames,
            "megabytes": round(size / 1e6, 1),
            "written_megabytes_per_s": written,
            "clips_per_s": {
                place: {n: measure(folder, where, args, n) for n in args.processes}
                for place, where in {
                    "store": f"http://127.0.0.1:{port.value}",
                    "disk": name,
                }.items()
            },
            "machine": versions(),
        }
        server.kill()
    text = json.dumps(result, indent=1) + "\n"
    args.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
