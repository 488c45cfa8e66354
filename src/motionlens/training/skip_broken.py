"""Leaving out videos that cannot be read, for all processes alike, where a recipe asks for it."""

from pathlib import Path

from motionlens._utils.distributed import gather_objects, is_main, own_share
from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.broken_videos import find_broken, load_broken, save_broken, without_clips
from motionlens.training.run_folder import BROKEN_FILE


def leave_out_broken(
    run: Path, train: VideoIndex, validation: VideoIndex, *, resume: bool
) -> tuple[VideoIndex, VideoIndex, int]:
    """Open every video once, each process its share, and leave out those that cannot be read.

    They are listed in the run folder. A resumed run leaves out what it left out before: it goes
    on with the same clips.

    Args:
        run: the run folder.
        train: the training videos.
        validation: the validation videos.
        resume: whether the run is gone on with.

    Returns:
        The videos that are left, and how many are not.

    Raises:
        ValueError: If a part has none left, or the list of a resumed run cannot be read.
    """
    path = run / BROKEN_FILE
    if resume and path.is_file():
        broken = load_broken(path)
    else:
        own = {}
        for part in (train, validation):
            own.update(find_broken(part, own_share(len(part))))
        broken = {key: reason for found in gather_objects(own) for key, reason in found.items()}
        broken = dict(sorted(broken.items()))
        if is_main():
            save_broken(path, broken)
    kept = [without_clips(part, broken) for part in (train, validation)]
    for name, part in zip(("training", "validation"), kept, strict=True):
        if not len(part):
            (key, reason), *_ = broken.items()
            raise ValueError(
                f"no {name} video can be read; the first of {len(broken)} broken ones is "
                f"{key[0]}: {reason}"
            )
    return kept[0], kept[1], len(broken)
