"""Predict generated videos, some broken, on the local engine and on a Ray cluster of two nodes.

    python benchmarks/batch_jobs.py --out docs/results/batch_jobs.json

Both have two cores. One run on Ray loses a node in the middle. Needs the extra `ray`.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch

from motionlens._utils.files import write_atomically
from motionlens._utils.machine import machine
from motionlens.inference.batch_prediction import predict_videos
from motionlens.inference.recognizer import Recognizer
from motionlens.synthetic.motion_suite.writing import write_task

# Every so manieth video is broken, each in the next of these ways.
BROKEN_EVERY = 100
DAMAGES = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "text": lambda content: b"this is no video\n",
    "without its head": lambda content: content[200:],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--clips", type=Path, help="folder for the videos, used if it is there")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        videos = write_videos(args.clips or folder / "clips", args.videos)
        recognizer = Recognizer.from_pretrained(device="cpu")
        runs = []
        for number in range(args.repeats):
            for kind in ("local", "ray", *(["ray, a node is lost"] if number == 0 else [])):
                out = folder / f"{kind} {number}"
                runs.append(measure(kind, recognizer, videos, out))
                reference = read(folder / "local 0")
                runs[-1] |= compare(read(out), reference)
                print(json.dumps(runs[-1]), flush=True)
        rates = {
            kind: max(run["videos_per_s"] for run in runs if run["engine"] == kind)
            for kind in ("local", "ray")
        }
    found = {
        "videos": len(videos),
        "broken": len(videos[::BROKEN_EVERY]),
        "ray_to_local": round(rates["ray"] / rates["local"], 3),
        "runs": runs,
        "machine": machine(torch.device("cpu")),
    }
    write_atomically(args.out, (json.dumps(found, indent=1) + "\n").encode())


def write_videos(folder: Path, number: int) -> list[Path]:
    """Generated videos, of which one in a hundred is broken."""
    if folder.exists():
        return sorted((folder / "train").rglob("*.mp4"))
    write_task("path_in_view", folder, difficulty="easy", num_train=number, num_validation=1)
    videos = sorted((folder / "train").rglob("*.mp4"))
    damages = list(DAMAGES.values())
    for i, path in enumerate(videos[::BROKEN_EVERY]):
        path.write_bytes(damages[i % len(damages)](path.read_bytes()))
    return videos


def measure(kind: str, recognizer: Recognizer, videos: list[Path], out: Path) -> dict:
    """Run the job once."""
    cluster = killed = None
    options = {"engine": "local", "num_workers": 2}
    if kind != "local":
        cluster, node = start_cluster()
        options = {"engine": "ray", "address": cluster.address}
    times = []

    def on_progress(done: int, total: int) -> None:
        nonlocal killed
        times.append(time.monotonic())
        if kind.endswith("lost") and not killed and done >= total // 2:
            cluster.remove_node(node, allow_graceful=False)
            killed = done

    begin = time.monotonic()
    try:
        predict_videos(recognizer, videos, out, top=100, on_progress=on_progress, **options)
    finally:
        if cluster:
            cluster.shutdown()
    first = len(times) // 10
    return {
        "engine": kind,
        "seconds": round(time.monotonic() - begin, 1),
        "first_result_s": round(times[1] - begin, 1),
        # From a tenth of the videos on: processes have started then.
        "videos_per_s": round((len(times) - first) / (times[-1] - times[first]), 1),
        "lost_at": killed,
        "load": round(os.getloadavg()[0], 1),
    }


def start_cluster() -> tuple:
    """Two nodes on this machine, of one core each, and the second of them."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # Otherwise its workers step back behind whatever else runs on the machine.
    os.environ["RAY_worker_niceness"] = "0"
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 150 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    return cluster, cluster.add_node(num_cpus=1, object_store_memory=150 * 2**20)


def read(folder: Path) -> dict:
    """Rows by path."""
    rows = pyarrow.parquet.read_table(folder).to_pylist()
    assert len({row["path"] for row in rows}) == len(rows)
    return {row["path"]: row for row in rows}


def compare(found: dict, reference: dict) -> dict:
    """How results differ from those of the first local run."""
    both = [(found[path], row) for path, row in reference.items() if path in found]
    read_both = [(a, b) for a, b in both if a["error"] is None and b["error"] is None]
    distances = [np.abs(np.subtract(values(a), values(b))).max() for a, b in read_both]
    return {
        "missing": len(reference.keys() - found.keys()),
        "errors": sum(row["error"] is not None for row in found.values()),
        "other_errors": sum(a["error"] != b["error"] for a, b in both),
        "other_labels": sum(a["label"] != b["label"] for a, b in both),
        "largest_difference": float(max(distances)),
    }


def values(row: dict) -> list[float]:
    """Probabilities in the order of the labels' names."""
    pairs = zip(row["labels"], row["probabilities"], strict=True)
    return [probability for _, probability in sorted(pairs)]


if __name__ == "__main__":
    main()
