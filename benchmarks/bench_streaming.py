"""A long video through a recognizer: memory over time, speed, and logits against single clips.

    python benchmarks/bench_streaming.py [--minutes 60] [--run RUN] [--model cpnet_nano]

The video is generated once, with patches that move over a pattern, and kept in ``--cache``. Without
a run, the network has fresh weights, which cost the same. Linux only: reads /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import av
import numpy as np
import torch

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.stream_sampling import StreamSampling
from motionlens.inference.card import ModelCard
from motionlens.inference.recognizer import Recognizer
from motionlens.inference.streaming.events import EventDetector
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.video.file import open_video

HEIGHT, WIDTH = 240, 320
PATCH = 48
# Frames that are drawn; the video repeats them, each time with patches of other looks.
PERIOD = 500


def write_video(path: Path, minutes: float, fps: int) -> None:
    """Patches on straight ways over a still pattern; other patches every few seconds."""
    rng = np.random.default_rng(0)
    ground = np.kron(
        rng.integers(40, 160, (HEIGHT // 16, WIDTH // 16, 3)), np.ones((16, 16, 1))
    ).astype(np.uint8)
    pending = path.with_suffix(".part.mp4")
    with av.open(str(pending), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "28", "g": str(5 * fps)}
        for number in range(round(60 * minutes * fps)):
            if number % PERIOD == 0:
                patches = rng.integers(0, 256, (3, PATCH, PATCH, 3), dtype=np.uint8)
                places = rng.uniform(0, 1, (3, 2))
                speeds = rng.uniform(-4, 4, (3, 2))
            picture = ground.copy()
            room = np.array([HEIGHT - PATCH, WIDTH - PATCH])
            for patch, place, speed in zip(patches, places, speeds, strict=True):
                row, column = (place * room + number % PERIOD * speed) % room
                picture[int(row) : int(row) + PATCH, int(column) : int(column) + PATCH] = patch
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    os.replace(pending, path)


def memory_mb() -> dict[str, float]:
    """What this process holds now, and the most that it ever held, MB."""
    names = {"VmRSS": "now", "VmHWM": "peak"}
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {names[row[0][:-1]]: int(row[1]) / 1e3 for row in lines if row and row[0][:-1] in names}


def fresh_recognizer(model: str) -> Recognizer:
    """With random weights and modules that are no longer the identity."""
    names = ("left", "right", "up", "down")
    card = ModelCard(
        model=model, class_names=names, sampling=Sampling(8, 3), preprocessing=Preprocessing(64, 72)
    )
    torch.manual_seed(0)
    network = card.build()
    for module in network.modules():
        if isinstance(module, CorrespondenceProposal):
            torch.nn.init.ones_(module.projection.norm.weight)
    return Recognizer(network, card)


def greatest_difference(recognizer: Recognizer, path: Path, kept: dict[int, tuple], hop: int):
    """Between logits of the stream and those of the same frames as a clip of their own."""
    worst = 0.0
    sampling = recognizer.card.sampling
    with open_video(path) as reader:
        stream = StreamSampling(sampling, reader.fps)
        found = [each for t in reader.times_s.tolist() for each in stream.push(t)]
        found += stream.finish()
        for number, (start_s, logits) in kept.items():
            clip_frames = found[number * hop : number * hop + sampling.num_frames]
            frames = reader.read(np.concatenate([each.numbers for each in clip_frames]))
            if abs(float(frames.times_s[0]) - start_s) > 1e-6:
                raise RuntimeError(f"window {number} begins at {start_s} s, at other frames")
            clip = recognizer.card.preprocessing(frames.data)
            own = recognizer.logits(clip[None])[0]
            worst = max(worst, float((own - logits).abs().max()))
    return worst


def main() -> None:
    """Measure, and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--run", help="a trained run")
    parser.add_argument("--model", default="cpnet_nano", help="without a run")
    parser.add_argument("--hop", type=int, default=2)
    parser.add_argument("--samples", type=int, default=40, help="windows that are compared")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "motionlens")
    args = parser.parse_args()

    args.cache.mkdir(parents=True, exist_ok=True)
    path = args.cache / f"streaming_{args.minutes:g}min_{args.fps}fps.mp4"
    if not path.exists():
        write_video(path, args.minutes, args.fps)
    recognizer = Recognizer.from_pretrained(args.run) if args.run else fresh_recognizer(args.model)

    length_s = 60 * args.minutes
    frames = round(length_s * args.fps)
    expected = 1 + (frames - 1 - 7 * 3) // (args.hop * 3)
    marks = {max(expected * percent // 100 - 1, 0): percent for percent in (1, 10, 25, 50, 75, 100)}
    sampled = set(np.linspace(0, expected - 1, args.samples).astype(int).tolist())
    detector = EventDetector(recognizer.class_names)
    memory, kept, events, number = {}, {}, 0, 0
    began = time.perf_counter()
    for number, window in enumerate(recognizer.stream(path, hop=args.hop)):
        events += len(detector.take(window))
        if number in marks:
            memory[f"{marks[number]} %"] = memory_mb()
        if number in sampled:
            kept[number] = (window.start_s, window.logits)
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {
                "model": recognizer.card.model,
                "video": f"{args.minutes:g} min, {WIDTH}x{HEIGHT}, {args.fps} fps, {frames} frames",
                "hop": args.hop,
                "windows": number + 1,
                "events": events + len(detector.finish()),
                "seconds": round(seconds, 1),
                "video_seconds_per_second": round(length_s / seconds, 2),
                "windows_per_second": round((number + 1) / seconds, 1),
                "memory_mb": memory,
                "compared": len(kept),
                "greatest_difference": greatest_difference(recognizer, path, kept, args.hop),
                "threads": torch.get_num_threads(),
                "python": platform.python_version(),
                "torch": torch.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
