"""The data of the recognizer that comes with the package: which way do things move?

Tasks of the motion suite side by side, with one set of classes: patches that move, a square that
grows or shrinks, a window that moves over painted pictures and over footage.

    python -m motionlens.reproduce.pretraining data/box --footage FILE...
    motionlens train --config recipes/pretrained_nano.yaml --data data/box --out runs/box
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from motionlens._utils.files import check_writable
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.list_files import read_list
from motionlens.datasets.prepared import Part, PreparedSet, save_description, save_part
from motionlens.synthetic.motion_suite.difficulty import Level
from motionlens.synthetic.motion_suite.writing import write_task

CLASS_NAMES = ("left", "right", "up", "down", "closer", "away", "still")
# What a task calls it: what we do. Where the camera goes left, all that it shows goes right.
MEANINGS = {
    "left": "left",
    "right": "right",
    "up": "up",
    "down": "down",
    "approach": "closer",
    "recede": "away",
    "still": "still",
    "pan_left": "right",
    "pan_right": "left",
    "pan_up": "down",
    "pan_down": "up",
    "zoom_in": "closer",
    "zoom_out": "away",
}
FLIP_PAIRS = {"left": "right"}
# For each clip that validates, so many train.
_TRAIN_PER_VALIDATION = 5


@dataclass(frozen=True, kw_only=True)
class Ingredient:
    """One part of the mixture.

    Attributes:
        task: of the motion suite.
        difficulty: likewise.
        num_train: clips that train; a fifth as many validate.
        speed: pixels a frame in a view of 64 pixels, instead of the difficulty's own.
        over_footage: whether pictures are cut from footage.
    """

    task: str
    difficulty: Level
    num_train: int
    speed: float | None = None
    over_footage: bool = False

    @property
    def name(self) -> str:
        """Of its folder."""
        speed = "" if self.speed is None else f"_{self.speed:g}px"
        footage = "_footage" if self.over_footage else ""
        return f"{self.task}_{self.difficulty}{speed}{footage}"


# Slow motion is what most cameras see; the suite's own speeds begin at 3 pixels a frame.
MIXTURE = (
    Ingredient(task="camera", difficulty="easy", num_train=280, speed=1.5, over_footage=True),
    Ingredient(task="camera", difficulty="easy", num_train=350, over_footage=True),
    Ingredient(task="camera", difficulty="medium", num_train=420, over_footage=True),
    Ingredient(task="camera", difficulty="hard", num_train=210, over_footage=True),
    Ingredient(task="camera", difficulty="easy", num_train=210),
    Ingredient(task="camera", difficulty="medium", num_train=280),
    Ingredient(task="camera", difficulty="hard", num_train=140),
    Ingredient(task="direction", difficulty="easy", num_train=160, speed=1.5),
    Ingredient(task="direction", difficulty="easy", num_train=160),
    Ingredient(task="direction", difficulty="medium", num_train=160),
    Ingredient(task="direction", difficulty="medium", num_train=160, over_footage=True),
    Ingredient(task="approach_recede", difficulty="easy", num_train=150),
    Ingredient(task="approach_recede", difficulty="medium", num_train=150, over_footage=True),
)


def write_mixture(
    folder: str | os.PathLike[str],
    footage: Sequence[str | os.PathLike[str]],
    *,
    mixture: Sequence[Ingredient] = MIXTURE,
    seed: int = 0,
    num_workers: int = 0,
) -> None:
    """Write the data set, with a folder for each ingredient; stopped on the way, it goes on there.

    Args:
        folder: made if absent.
        footage: videos for the ingredients that want some, long enough for all parts.
        mixture: what it is made of.
        seed: of everything.
        num_workers: processes that draw; 0 for this one.

    Raises:
        ValueError: If no footage is given where an ingredient wants some, or the folder cannot be
            written or holds something else.
        VideoError: If a video of the footage cannot be read.
    """
    folder = Path(folder)
    check_writable(folder, "folder")
    if not footage and any(part.over_footage for part in mixture):
        raise ValueError("footage must be given, for some of the clips show it; name a video")
    entries: dict[Part, list[ListEntry]] = {"train": [], "validation": []}
    for ingredient in mixture:
        write_task(
            ingredient.task,
            folder / ingredient.name,
            difficulty=ingredient.difficulty,
            num_train=ingredient.num_train,
            num_validation=max(1, ingredient.num_train // _TRAIN_PER_VALIDATION),
            seed=seed,
            speed=ingredient.speed,
            footage=footage if ingredient.over_footage else (),
            num_workers=num_workers,
        )
        for part, found in entries.items():
            found.extend(_entries(folder, ingredient.name, part))
    for part, found in entries.items():
        save_part(folder, part, found, [None] * len(found))
    save_description(
        folder, PreparedSet(name="motion-box", class_names=CLASS_NAMES, flip_pairs=FLIP_PAIRS)
    )


def _entries(folder: Path, name: str, part: Part) -> list[ListEntry]:
    """An ingredient's videos, with our labels and their paths from the whole data set's folder."""
    return [
        entry._replace(path=f"{name}/{entry.path}", label=MEANINGS[entry.label])
        for entry in read_list(folder / name / f"{part}.csv", ",")
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the data set that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m motionlens.reproduce.pretraining", description=__doc__
    )
    parser.add_argument("out", help="folder for the data set")
    parser.add_argument("--footage", nargs="+", required=True, help="videos to look at")
    parser.add_argument("--seed", type=int, default=0, help="of everything")
    parser.add_argument("--num_workers", type=int, default=0, help="processes that draw")
    args = parser.parse_args(argv)
    try:
        write_mixture(args.out, args.footage, seed=args.seed, num_workers=args.num_workers)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
