"""Private memory of loading workers over a long list: arrays, and a list of tuples beside them.

    python benchmarks/loader_memory.py [--entries 100000]

Forked workers share their parent's memory until somebody writes to it, and reading a Python object
writes its count of references. Linux only.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.list_files import ListEntry

PARTS = 4


def private_mb() -> float:
    """Memory of this process that it shares with no other, MB."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1e3


class Entries(Dataset):
    """Looks up every entry as a loader does, and says what memory its worker has by then."""

    def __init__(self, look_up, length: int) -> None:
        self.look_up, self.length = look_up, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> float:
        self.look_up(i)
        return private_mb() if (i + 1) % (self.length // PARTS) == 0 or i == 0 else -1.0


def growth(look_up, length: int) -> list[float]:
    """Private memory of one worker at the first entry and after each quarter of all, MB."""
    loader = DataLoader(
        Entries(look_up, length), batch_size=100, num_workers=1, multiprocessing_context="fork"
    )
    seen = torch.cat(list(loader))
    return [round(value, 1) for value in seen[seen >= 0].tolist()]


def main() -> None:
    """Measure, and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=100_000)
    entries = parser.parse_args().entries
    rows = [ListEntry(f"some/folder/of/videos/{i:08}.mp4", str(i % 400)) for i in range(entries)]
    index = VideoIndex.of(Path("root"), rows)
    pairs = [(str(index.path(i)), int(index.labels[i])) for i in range(entries)]
    found = {
        "VideoIndex": growth(lambda i: (index.path(i), int(index.labels[i])), entries),
        "list of tuples": growth(lambda i: pairs[i], entries),
    }
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    print(
        json.dumps({"entries": entries, "private_mb": found, **versions, "numpy": np.__version__})
    )


if __name__ == "__main__":
    main()
