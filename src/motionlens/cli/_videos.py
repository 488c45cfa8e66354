"""From files and folders on the command line to videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path


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
