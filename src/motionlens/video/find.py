"""Finding videos by their names, on disks and in stores; only ``.webp`` are opened."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from motionlens._utils.addresses import Address, as_path, exists, is_dir
from motionlens.video.fetching import video_path
from motionlens.video.frames import VideoError
from motionlens.video.pictures import is_animation, is_pattern, is_picture

VIDEO_SUFFIXES = frozenset(
    ".264 .265 .3g2 .3gp .asf .avi .flv .gif .h264 .h265 .hevc .m1v .m2ts .m2v .m4v .mkv .mov .mp4 "
    ".mpeg .mpg .mts .ogv .ts .vob .webm .wmv".split()
)
# Folders that file servers and systems put among videos, with previews or deleted files inside.
_SYSTEM_FOLDERS = frozenset(
    {"@eadir", "#recycle", "#snapshot", "$recycle.bin", "__macosx", "lost+found",
     "system volume information"}
)  # fmt: skip


def is_hidden(name: str) -> bool:
    """Whether a name is one of a hidden file or of a folder that no user has made."""
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS


def is_frame_folder(path: Path) -> bool:
    """Whether a path is a folder; an address that names a file by its suffix is not asked for."""
    if isinstance(path, Address) and path.suffix.lower() in VIDEO_SUFFIXES:
        return False
    return is_dir(path)


def is_there(path: Path) -> bool:
    """Whether there is something at a path, or, at a pattern of pictures, its folder."""
    return exists(path) or is_pattern(path)


def is_video_file(path: Path) -> bool:
    """Whether a path is a file with a video's suffix; hidden files do not count.

    A symbolic link to nothing does, so that it is reported as missing, and an address that has such
    a suffix: it is not asked for.
    """
    suffix = path.suffix.lower()
    is_named = suffix in VIDEO_SUFFIXES or (suffix == ".webp" and is_animation(path))
    if not is_named or is_hidden(path.name):
        return False
    return isinstance(path, Address) or os.path.isfile(path) or _leads_nowhere(path)


def _leads_nowhere(path: Path) -> bool:
    return os.path.islink(path) and not os.path.exists(path)


def is_video(path: str | os.PathLike[str]) -> bool:
    """Whether a path is taken for a video: a file by its suffix, or a folder of pictures.

    A folder that also holds video files is a folder of videos; its pictures are not frames. Nor is
    a single picture beside folders with videos.
    """
    path = as_path(path)
    if not is_frame_folder(path):
        return is_video_file(path)
    entries = list(path.iterdir())
    return _holds_frames(path, entries) and not any(map(is_video_file, entries))


def _holds_frames(folder: Path, files: list[Path]) -> bool:
    """Whether the pictures among a folder's files are frames, not one that shows what is below."""
    pictures = list(filter(is_picture, files))
    if len(pictures) != 1:
        return bool(pictures)
    below = (path for path in _everything_below(folder) if path.parent != folder)
    return not any(map(is_video_file, below))


def _everything_below(folder: Path) -> Iterator[Path]:
    if isinstance(folder, Address):
        return (folder / name for name, _ in folder.listed(deep=True))
    return folder.rglob("*")


def find_videos(folder: str | os.PathLike[str]) -> list[Path]:
    """All videos in a folder and the folders below it, sorted; itself, if it is a frame folder.

    Raises:
        VideoError: If ``folder`` is no folder.
    """
    top = as_path(folder)
    if not top.is_dir():
        raise VideoError(f"{top}: must be a folder, it is not; check the path")
    found: list[Path] = []
    seen: set[str] = set()
    for here, folders, names in walk(top):
        real = os.path.realpath(here)
        # A link back up the tree would loop for ever.
        if real in seen or (here != top and is_hidden(here.name)):
            folders.clear()
            continue
        seen.add(real)
        files = [here / name for name in names if not is_hidden(name)]
        # A link to nothing without a suffix may have led to a frame folder.
        videos = [p for p in files if is_video_file(p) or (not p.suffix and _leads_nowhere(p))]
        if not videos and _holds_frames(here, files):
            found.append(here)
            folders.clear()
        found += videos
    return sorted(found)


def walk(top: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """A folder and those below it, with the names of the folders and files in each.

    As of ``os.walk``: links are followed, and a folder that is taken from the names is left out.
    """
    if not isinstance(top, Address):
        for where, folders, names in os.walk(top, followlinks=True):
            yield Path(where), folders, names
        return
    folders_in: dict[Address, set[str]] = defaultdict(set)
    names_in: dict[Address, list[str]] = defaultdict(list)
    for name, _ in top.listed(deep=True):
        path = top / name
        names_in[path.parent].append(path.name)
        while (path := path.parent) != top:
            folders_in[path.parent].add(path.name)
    waiting = [top]
    while waiting:
        here = waiting.pop()
        inside = sorted(folders_in[here])
        yield here, inside, names_in[here]
        waiting += [here / name for name in inside]


def expand_folders(
    paths: Iterable[str | os.PathLike[str]],
    on_error: Callable[[str, VideoError], None] | None = None,
) -> list[str]:
    """Names of videos, where a folder of videos is replaced by all videos in it.

    Args:
        paths: of videos and of folders; whether a video exists is not checked.
        on_error: called with a name and what is wrong with it; the result then leaves it out.

    Raises:
        VideoError: For an empty name and a folder without videos, without ``on_error``.
    """
    videos: list[str] = []
    for path in paths:
        name = os.fspath(path)
        try:
            videos += _expanded(name)
        except VideoError as error:
            if on_error is None:
                raise
            on_error(name, error)
    return videos


def _expanded(name: str) -> list[str]:
    """The videos that a name stands for, at least one."""
    if not name:
        raise VideoError("a file's name must not be empty, got ''; name a video")
    path = video_path(name)
    if not is_frame_folder(path) or is_video(path):
        return [name]
    found = [str(video) for video in find_videos(path)]
    if not found:
        raise VideoError(f"{name}: no videos in this folder; name another")
    return found
