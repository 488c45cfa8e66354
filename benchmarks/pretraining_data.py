"""The data of the recognizer that comes with the package: which way do things move?

Tasks of the motion suite side by side, with one set of classes: patches that move, a patch that
grows or shrinks, a window that moves over painted pictures and over footage.

    python benchmarks/pretraining_data.py data/pretraining --footage FILE...
    python benchmarks/pretraining_data.py data/rates --rates --footage FILE...
    python benchmarks/pretraining_data.py data/scenes --scenes --footage FILE...
    python benchmarks/pretraining_data.py data/paths --paths --footage FILE...

The recognizer's page, src/motionlens/pretrained/README.md, has all commands.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from motionlens._utils.files import check_writable
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.list_files import read_list
from motionlens.datasets.prepared import Part, PreparedSet, save_description, save_part
from motionlens.synthetic.motion_suite.tasks import TASKS, Task
from motionlens.synthetic.motion_suite.writing import write_task

sys.path.insert(0, str(Path(__file__).parent))
from pretraining_scenes import write_scenes

_DATA = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
# Of the directions; every path but a straight stroke is a class of its own.
CLASS_NAMES: tuple[str, ...] = tuple(_DATA["class_names"])
MEANINGS: Mapping[str, str] = _DATA["meanings"]
MIXTURE: Mapping[str, Mapping[str, Any]] = _DATA["mixture"]
MIXTURE_OF_RATES: Mapping[str, Mapping[str, Any]] = _DATA["mixture_of_rates"]
MIXTURE_OF_PATHS: Mapping[str, Mapping[str, Any]] = _DATA["mixture_of_paths"]
MIXTURE_OF_SCENES: Mapping[str, Mapping[str, Any]] = _DATA["mixture_of_scenes"]
# For each clip that validates, so many train.
_TRAIN_PER_VALIDATION = 5


def meaning(label: str) -> str:
    """What we call a class of a task."""
    return MEANINGS.get(label, label)


def class_names_of(mixture: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The directions, then what else the tasks of a mixture ask."""
    names = [meaning(label) for task in _tasks(mixture) for label in task.class_names]
    return tuple(dict.fromkeys((*CLASS_NAMES, *names)))


def swaps_of(mixture: Mapping[str, Mapping[str, Any]], change: str) -> dict[str, str]:
    """Which classes swap under ``horizontal_flip``, ``vertical_flip`` or ``time_reversal``."""
    swaps: dict[str, str] = {}
    for task in _tasks(mixture):
        for pair in getattr(task, change).items():
            one, other = sorted(map(meaning, pair))
            swaps[one] = other
    return swaps


def _tasks(mixture: Mapping[str, Mapping[str, Any]]) -> list[Task]:
    """The tasks of the motion suite in a mixture."""
    return [TASKS[found["task"]] for found in mixture.values() if "task" in found]


def write_mixture(
    folder: str | os.PathLike[str],
    footage: Sequence[str | os.PathLike[str]],
    *,
    mixture: Mapping[str, Mapping[str, Any]] = MIXTURE,
    seed: int = 0,
    num_workers: int = 0,
) -> None:
    """Write the data set, with a folder for each ingredient; stopped on the way, it goes on there.

    Args:
        folder: made if absent.
        footage: videos for the ingredients that want some, long enough for all parts.
        mixture: what it is made of, see ``pretraining_data.yaml``.
        seed: of everything.
        num_workers: processes that draw; 0 for this one.

    Raises:
        ValueError: If no footage is given where an ingredient wants some, or the folder cannot be
            written or holds something else.
        VideoError: If a video of the footage cannot be read.
    """
    folder = Path(folder)
    check_writable(folder, "folder")
    if not footage and any("footage" in ingredient for ingredient in mixture.values()):
        raise ValueError("footage must be given, for some of the clips show it; name a video")
    entries: dict[Part, list[ListEntry]] = {"train": [], "validation": []}
    for name, ingredient in mixture.items():
        options = {key: value for key, value in ingredient.items() if key != "footage"}
        num_validation = max(1, options["num_train"] // _TRAIN_PER_VALIDATION)
        if "task" not in options:
            numbers = {**options, "num_validation": num_validation}
            for part, found in write_scenes(folder / name, seed=seed, **numbers).items():
                entries[part] += [entry._replace(path=f"{name}/{entry.path}") for entry in found]
            continue
        write_task(
            folder=folder / name,
            num_validation=num_validation,
            seed=seed,
            footage=footage if "footage" in ingredient else (),
            num_workers=num_workers,
            **options,
        )
        for part, found in entries.items():
            found += [
                entry._replace(path=f"{name}/{entry.path}", label=meaning(entry.label))
                for entry in read_list(folder / name / f"{part}.csv", ",")
            ]
    for part, found in entries.items():
        save_part(folder, part, found, [None] * len(found))
    description = PreparedSet(
        name="motion-pretraining",
        class_names=class_names_of(mixture),
        flip_pairs=swaps_of(mixture, "horizontal_flip"),
    )
    save_description(folder, description)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the data set that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/pretraining_data.py", description=__doc__
    )
    parser.add_argument("out", help="folder for the data set")
    parser.add_argument("--footage", nargs="+", required=True, help="videos to look at")
    parser.add_argument("--rates", action="store_true", help="the mixture of frame rates")
    parser.add_argument("--scenes", action="store_true", help="the mixture with scenes")
    parser.add_argument("--paths", action="store_true", help="paths as well as directions")
    parser.add_argument("--seed", type=int, default=0, help="of everything")
    parser.add_argument("--num_workers", type=int, default=0, help="processes that draw")
    args = parser.parse_args(argv)
    mixture = MIXTURE_OF_RATES if args.rates else MIXTURE
    mixture = MIXTURE_OF_SCENES if args.scenes else mixture
    mixture = MIXTURE_OF_PATHS if args.paths else mixture
    try:
        write_mixture(
            args.out, args.footage, mixture=mixture, seed=args.seed, num_workers=args.num_workers
        )
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
