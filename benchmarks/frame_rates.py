"""Twenty scenes at 10, 25, 30, 60 and 120 frames a second and at changing rates: the same answer?

Every scene is a function of time (slow and fast pans, zooms, objects), drawn at the times of each
video's frames. All commands look at all videos, by the bundled recognizer or by a run.

    python benchmarks/frame_rates.py docs/results/frame_rates.json
    python benchmarks/frame_rates.py docs/results/frame_rates_others.json --others 2
    python benchmarks/frame_rates.py --write FOLDER          # a folder of mixed rates to train on
    motionlens train --data FOLDER --out RUN --config recipes/frame_rates_nano.yaml
    python benchmarks/frame_rates.py docs/results/frame_rates_run.json --run RUN
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.files import write_atomically
from motionlens.cli.main import main as motionlens_command
from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.inference.evaluation import evaluate
from motionlens.inference.recognizer import Recognizer
from motionlens.pretrained import NAME

RATES = (10, 25, 30, 60, 120)
CHANGING = "changing"
DURATION_S = 2.0
SIZE_PX = 96
# Probabilities of one scene may differ by so much between rates.
TOLERANCE = 0.05
# Views of the texture are this share of it wide at a zoom of 1.
_SHARE = 0.2
_TEXTURE_PX = 480


@dataclass(frozen=True)
class Scene:
    """A textured ground seen by a moving camera, and perhaps a square that moves over it.

    Attributes:
        name: of the scene.
        label: what the bundled recognizer should call it.
        velocity: of all that is seen, widths of the picture per second: to the right, down.
        growth: factor per second.
        is_object: a square moves; the ground rests.
    """

    name: str
    label: str
    velocity: tuple[float, float] = (0.0, 0.0)
    growth: float = 1.0
    is_object: bool = False


def make_scenes() -> list[Scene]:
    """The twenty scenes."""
    ways = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
    scenes = []
    for label, (x, y) in ways.items():
        for kind, speed in (("slow", 0.35), ("fast", 0.9)):
            scenes.append(Scene(f"{kind}-pan-{label}", label, (x * speed, y * speed)))
        scenes.append(Scene(f"object-{label}", label, (x * 0.4, y * 0.4), is_object=True))
    for label, sign in (("closer", 1), ("away", -1)):
        for kind, growth in (("slow", 1.45), ("fast", 1.9)):
            scenes.append(Scene(f"{kind}-zoom-{label}", label, growth=growth**sign))
        scenes.append(Scene(f"object-{label}", label, growth=1.6**sign, is_object=True))
    return [*scenes, Scene("still", "still"), Scene("object-still", "still", is_object=True)]


def make_others(sets: int) -> list[tuple[Scene, int]]:
    """Other scenes of the twenty kinds, with seeds of their textures: other speeds, too."""
    rng = np.random.default_rng(20_000)
    return [
        (replace(_changed(scene, rng), name=f"{scene.name}-{number}"), 1000 + number)
        for number in range(sets)
        for scene in make_scenes()
    ]


def _changed(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene, slower or faster."""
    factor = rng.uniform(0.8, 1.3)
    x, y = scene.velocity
    return replace(scene, velocity=(x * factor, y * factor), growth=scene.growth**factor)


def frame_times(rate: int | str, duration_s: float = DURATION_S) -> NDArray[np.float64]:
    """When the frames of a video are shown, seconds, at a rate or at changing ones."""
    if isinstance(rate, int):
        return np.arange(round(duration_s * rate)) / rate
    # 12 to 60 frames a second, not two neighbouring intervals alike.
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.choice([1, 2, 3, 4, 5], 999)) / 60
    return np.concatenate([[0.0], times[times < duration_s]])


def draw(scene: Scene, times_s: NDArray[np.float64], *, seed: int = 0) -> NDArray[np.uint8]:
    """The scene's frames at some times, uint8 ``(n, 96, 96, 3)``."""
    rng = np.random.default_rng([seed, sum(map(ord, scene.name))])
    ground, thing = _texture(rng), _texture(rng)
    t = torch.from_numpy(times_s - DURATION_S / 2).float()
    moved = t[:, None] * torch.tensor(scene.velocity)
    scale = scene.growth**t
    if not scene.is_object:
        return _see(ground, moved, scale)
    rest = torch.zeros_like(moved), torch.ones_like(scale)
    pictures, patches = _see(ground, *rest), _see(thing, moved, scale)
    places = np.linspace(-0.5, 0.5, SIZE_PX)
    x = (places[None] - moved[:, :1].numpy()) / scale[:, None].numpy()
    y = (places[None] - moved[:, 1:].numpy()) / scale[:, None].numpy()
    inside = (np.abs(y)[:, :, None] < 0.25) & (np.abs(x)[:, None, :] < 0.25)
    return np.where(inside[..., None], patches, pictures)


def _texture(rng: np.random.Generator) -> Tensor:
    """Smooth colours with edges, float ``(3, H, W)`` in 0 to 1."""
    layers = torch.zeros(1, 3, _TEXTURE_PX, _TEXTURE_PX)
    for cells, weight in ((12, 0.5), (40, 0.3), (90, 0.2)):
        noise = torch.from_numpy(rng.random((1, 3, cells, cells))).float()
        layers += weight * F.interpolate(noise, (_TEXTURE_PX, _TEXTURE_PX), mode="bicubic")
    return ((layers[0] - 0.5) * 2.2 + 0.5).clamp(0, 1)


def _see(texture: Tensor, moved: Tensor, scale: Tensor) -> NDArray[np.uint8]:
    """Views of a texture that has moved by widths of the view and grown."""
    axis = torch.linspace(-1, 1, SIZE_PX)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = (torch.stack([x, y], -1)[None] - 2 * moved[:, None, None]) / scale[:, None, None, None]
    views = F.grid_sample(
        texture[None].expand(len(moved), -1, -1, -1),
        grid * _SHARE,
        mode="bilinear",
        padding_mode="reflection",
        align_corners=True,
    )
    return (views.permute(0, 2, 3, 1) * 255).round().byte().numpy()


def write(path: Path, frames: NDArray[np.uint8], times_s: NDArray[np.float64]) -> None:
    """Write a video whose frames have these time stamps, almost without loss."""
    unit = Fraction(1, 1200)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=120, options={"crf": "8"})
        stream.height, stream.width, stream.pix_fmt = SIZE_PX, SIZE_PX, "yuv420p"
        stream.codec_context.time_base = unit
        for picture, time_s in zip(frames, times_s, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time_s / unit), unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_scenes(folder: Path, scenes: Sequence[tuple[Scene, int]]) -> list[ListEntry]:
    """Every scene, with its seed, at every rate, in one folder; returns the list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for scene, seed in scenes:
        for rate in (*RATES, CHANGING):
            path = folder / f"{scene.name}_{rate}.mp4"
            times_s = frame_times(rate)
            write(path, draw(scene, times_s, seed=seed), times_s)
            entries.append(ListEntry(path.name, scene.label))
    return entries


def write_training(folder: Path, *, num_each: int = 12) -> None:
    """Class folders with other scenes of the same kinds, each video at one of the rates."""
    rates = (*RATES, CHANGING)
    rng = np.random.default_rng(1)
    for scene in make_scenes():
        place = folder / scene.label
        place.mkdir(parents=True, exist_ok=True)
        for number in range(num_each):
            times_s = frame_times(rates[int(rng.integers(len(rates)))])
            frames = draw(_changed(scene, rng), times_s, seed=number + 1)
            write(place / f"{scene.name}_{number:02}.mp4", frames, times_s)


Row = Mapping[str, float]
Command = Callable[[], list[Row]]


def answers(
    run: str, folder: Path, entries: Sequence[ListEntry]
) -> Iterator[tuple[str, list[Row]]]:
    """The probabilities of every video by label, from every command.

    Commands are called in this process, as the command line calls them.
    """
    files = [str(folder / entry.path) for entry in entries]
    recognizer = Recognizer.from_pretrained(run, device="cpu")
    names = recognizer.class_names

    def lines(*words: str) -> list[dict[str, Any]]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            status = motionlens_command(list(words))
        if status:
            raise SystemExit(f"motionlens {' '.join(words)[:99]} ended with {status}")
        return [json.loads(line) for line in out.getvalue().splitlines()]

    def rows(found: Sequence[Mapping[str, Any]]) -> list[Row]:
        return [{p["label"]: p["probability"] for p in one["predictions"]} for one in found]

    every = ("--top", str(len(names)))
    yield "predict", rows(lines("predict", run, *files, "--json", *every))
    yield "explain", rows(lines("explain", run, *files, "--json", "--top", "1"))
    index = VideoIndex.of(folder, [entry._replace(label="") for entry in entries], names)
    report = evaluate(recognizer, index)
    yield "evaluate", [dict(zip(names, row, strict=True)) for row in report.probabilities.tolist()]
    watched = []
    for file in files:
        windows = [w for w in lines("watch", run, file, "--windows", *every) if "predictions" in w]
        # The window in the middle of the video, which is a clip's step away from predict's.
        middle = min(windows, key=lambda w: abs(w["start_s"] + w["end_s"] - DURATION_S))
        watched.append(middle)
    yield "watch", rows(watched)
    yield "serve", rows(_served(recognizer, files, len(names)))
    with tempfile.TemporaryDirectory() as place:
        exported = str(Path(place, "network.onnx"))
        with contextlib.redirect_stdout(io.StringIO()):
            motionlens_command(["export", run, exported])
        yield "predict, ONNX", rows(lines("predict", exported, *files, "--json", *every))
    features = recognizer.embed(files).numpy()
    head = recognizer.network.fc  # type: ignore[union-attr]
    logits = torch.from_numpy(features) @ head.weight.T + head.bias  # type: ignore[operator]
    embedded = recognizer.card.probabilities(logits.detach())
    yield "embed", [dict(zip(names, row, strict=True)) for row in embedded.tolist()]


def _served(recognizer: Recognizer, files: Sequence[str], top: int) -> list[dict[str, Any]]:
    from fastapi.testclient import TestClient

    from motionlens.serving.app import create_app

    found = []
    app = create_app(recognizer, None, allowed_hosts=("*",))
    with TestClient(app) as client:
        for file in files:
            upload = {"file": (Path(file).name, Path(file).read_bytes())}
            answer = client.post("/predict", files=upload, data={"top": str(top)})
            answer.raise_for_status()
            found.append(answer.json())
    return found


def compare(entries: Sequence[ListEntry], found: Sequence[Row]) -> dict[str, Any]:
    """How far the rates of each scene are apart: labels, and the largest difference."""
    groups: dict[str, list[Row]] = {}
    labels = {}
    for entry, row in zip(entries, found, strict=True):
        name = entry.path.rpartition("_")[0]
        groups.setdefault(name, []).append(row)
        labels[name] = entry.label
    scenes = {}
    for name, rows in groups.items():
        best = [max(row, key=row.__getitem__) for row in rows]
        spread = max(max(r[k] for r in rows) - min(r[k] for r in rows) for k in rows[0])
        scenes[name] = {
            "labels": sorted(set(best)),
            "right": sum(label == labels[name] for label in best),
            "spread": round(spread, 4),
        }
    return {
        "scenes_with_one_label": sum(len(s["labels"]) == 1 for s in scenes.values()),
        "scenes_within_tolerance": sum(s["spread"] <= TOLERANCE for s in scenes.values()),
        "largest_difference": max(s["spread"] for s in scenes.values()),
        "scenes": scenes,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write the comparison, or a folder to train on."""
    parser = argparse.ArgumentParser(prog="python benchmarks/frame_rates.py", description=__doc__)
    parser.add_argument("out", nargs="?", help="file for the result, JSON")
    parser.add_argument("--run", default=NAME, help="recognizer; the bundled one by default")
    parser.add_argument("--write", metavar="FOLDER", help="write videos to train on")
    parser.add_argument("--others", type=int, metavar="N", help="N sets of twenty other scenes")
    parser.add_argument("--only", help="one command alone")
    args = parser.parse_args(argv)
    if args.write:
        write_training(Path(args.write))
        return 0
    result: dict[str, Any] = {"run": args.run, "rates": [*RATES, CHANGING]}
    with tempfile.TemporaryDirectory() as place:
        scenes = make_others(args.others) if args.others else [(s, 0) for s in make_scenes()]
        entries = write_scenes(Path(place), scenes)
        for command, found in answers(args.run, Path(place), entries):
            result[command] = compare(entries, found)
            counts = {k: v for k, v in result[command].items() if k != "scenes"}
            print(f"{command}: {counts}", flush=True)
            if args.only == command:
                break
    if args.out:
        write_atomically(Path(args.out), (json.dumps(result, indent=1) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
