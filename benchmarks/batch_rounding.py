"""How many labels and proposals of real clips rounding flips between batch sizes.

Usage: ``python benchmarks/batch_rounding.py VIDEOS OUT.json``, with the bundled recognizer on a
folder of videos.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from motionlens._utils.machine import machine
from motionlens.inference.recognizer import Recognizer
from motionlens.models.capture import capture_proposals
from motionlens.video.find import find_videos

BATCH_SIZES = (1, 2, 8, 16)


def run(network: nn.Module, clips: Tensor, batch_size: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Logits of the clips, and block name to proposals, in ascending order at each position."""
    logits: list[Tensor] = []
    found: dict[str, list[Tensor]] = {}
    with torch.inference_mode(), capture_proposals(network) as seen:
        for batch in clips.split(batch_size):
            logits.append(network(batch))
            for name, proposals in seen.items():
                found.setdefault(name, []).append(proposals.indices.sort(dim=-1).values)
    return torch.cat(logits), {name: torch.cat(indices) for name, indices in found.items()}


def main(videos: str, out: str) -> None:
    recognizer = Recognizer.from_pretrained()
    clips = torch.stack([recognizer.load_clip(video) for video in find_videos(Path(videos))])
    folded = recognizer.network
    logits, proposals = run(folded, clips, 1)
    cases = [("folded", folded, size) for size in BATCH_SIZES[1:]] + [
        ("as trained", recognizer.model, 1)
    ]
    rows = []
    for name, network, batch_size in cases:
        other, other_proposals = run(network, clips, batch_size)
        differing = [(proposals[n] != other_proposals[n]).any(dim=-1) for n in proposals]
        change = recognizer.card.probabilities(logits) - recognizer.card.probabilities(other)
        rows.append(
            {
                "network": name,
                "batch_size": batch_size,
                "other_labels": int((logits.argmax(1) != other.argmax(1)).sum()),
                "positions_with_other_proposals": sum(int(d.sum()) for d in differing),
                "greatest_change_of_a_probability": float(change.abs().max()),
            }
        )
    about = {
        "command": "python benchmarks/batch_rounding.py VIDEOS OUT.json",
        "compared_with": {"network": "folded", "batch_size": 1},
        "num_clips": len(clips),
        "num_positions": sum(values.shape[:-1].numel() for values in proposals.values()),
        "machine": machine(torch.device("cpu")),
    }
    Path(out).write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
