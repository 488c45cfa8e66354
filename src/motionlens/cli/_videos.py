"""From files and folders on the command line to videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motionlens.clips.video_index import VideoIndex

# Fewer videos than that are decoded sooner than processes for it have started.
_WORTH_WORKERS = 16


def expand(files: Sequence[str], report_broken: Callable[[str, str], None]) -> list[str]:
    """The videos that are meant: folders of videos are replaced by what is in them.

    Args:
        files: names of files and folders.
        report_broken: called with a name and what is wrong with it.
    """
    from motionlens.video.find import find_videos, is_video

    videos: list[str] = []
    for name in files:
        if not name:
            report_broken(name, "a file's name must not be empty, got ''; name a video")
            continue
        path = Path(name)
        if not path.is_dir() or is_video(path):
            videos.append(name)
            continue
        found = find_videos(path)
        if not found:
            report_broken(name, f"{name}: no videos in this folder; name another")
        videos.extend(str(video) for video in found)
    return videos


def index_files(videos: Sequence[str]) -> VideoIndex:
    """Videos by their paths, with no labels."""
    from motionlens.clips.video_index import ListEntry, VideoIndex

    return VideoIndex.of(Path(), [ListEntry(video, "") for video in videos], class_names=())


def decoding_processes(num_workers: int | None, num_videos: int) -> int | None:
    """What ``--num_workers`` says; none for a few videos, where it says nothing."""
    return 0 if num_workers is None and num_videos < _WORTH_WORKERS else num_workers
