"""Leaving out videos that cannot be read, for all processes alike, where a recipe asks for it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from motionlens._utils.distributed import gather_objects, is_main, own_share
from motionlens._utils.numbers import counted
from motionlens.datasets.broken_videos import find_broken, load_broken, save_broken, without_clips
from motionlens.training.build import Start
from motionlens.training.run_folder import BROKEN_FILE


def leave_out_broken(
    start: Start, run: Path, *, resume: bool, say: Callable[[str], object]
) -> Start:
    """Open every video once, each process its share, and leave out those that cannot be read.

    They are listed in the run folder. A resumed run leaves out what it left out before: it goes
    on with the same clips.

    Args:
        start: has the videos of all processes.
        run: the run folder.
        resume: whether the run is continued.
        say: told in words how many are left out, if any.

    Returns:
        The start with the videos that are left.

    Raises:
        ValueError: If a part has none left, or the list of a resumed run cannot be read.
    """
    path = run / BROKEN_FILE
    if resume and path.is_file():
        broken = load_broken(path)
    else:
        own = {}
        for part in (start.train, start.validation):
            own.update(find_broken(part, own_share(len(part))))
        broken = {key: reason for found in gather_objects(own) for key, reason in found.items()}
        broken = dict(sorted(broken.items()))
        if is_main():
            save_broken(path, broken)
    train, validation = (without_clips(part, broken) for part in (start.train, start.validation))
    for name, part in (("training", train), ("validation", validation)):
        if not len(part):
            (key, reason), *_ = broken.items()
            raise ValueError(
                f"no {name} video can be read; the first of {len(broken)} broken ones is "
                f"{key[0]}: {reason}"
            )
    if broken:
        say(f"{counted(len(broken), 'video')} cannot be read: {path}")
    return replace(start, train=train, validation=validation)
