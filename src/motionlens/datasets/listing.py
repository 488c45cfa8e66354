"""Index the videos of class folders or of a list, and split them into parts."""

import os
import re
import unicodedata
import warnings
from dataclasses import replace
from pathlib import Path

from motionlens._utils.addresses import Address, as_path, check_below, is_dir, is_file, join_names
from motionlens._utils.errors import first_three
from motionlens._utils.numbers import counted
from motionlens.clips.video_index import LABEL_SEPARATOR, ListEntry, VideoIndex, normal_name
from motionlens.datasets.groups import group_column, with_groups
from motionlens.datasets.list_faults import file_ids
from motionlens.datasets.list_files import read_list
from motionlens.datasets.look_alikes import warn_of_spellings
from motionlens.datasets.source import ListingConfig
from motionlens.datasets.splitting import split_index
from motionlens.video.find import find_videos, is_hidden, is_there, is_video_file
from motionlens.video.frames import VideoWarning
from motionlens.video.pictures import is_picture

TRAIN_FOLDER = "train"
VALIDATION_FOLDERS = ("validation", "val", "valid")
# A prepared data set inside a folder of classes is no class.
PREPARED_FOLDER = "prepared"


def index_folder(root: str | os.PathLike[str]) -> VideoIndex:
    """Index a folder with one folder of videos for each class.

    Args:
        root: holds ``<class>/clip.mp4`` or, as pictures, ``<class>/clip/00001.jpg``; further
            folders in between are allowed.

    Raises:
        ValueError: If there are no class folders with videos.

    Warns:
        VideoWarning: If a class folder holds no videos and is ignored.
    """
    root = _folder(root)
    if parts := _split_folders(root):
        raise ValueError(
            f"{root}: must hold a folder for each class, it holds the parts "
            f"{' and '.join(part.name for part in parts)}; name one of them or use both"
        )
    entries, empty = [], []
    for folder in _inside(root):
        is_stored = isinstance(folder, Address)  # a folder, as its listing says
        if not is_stored and not folder.exists() and not folder.suffix:
            raise ValueError(
                f"{folder}: must be a folder of videos, it is a symbolic link to nothing; mend or "
                "remove it"
            )
        if not is_stored and not folder.is_dir():
            continue
        if LABEL_SEPARATOR in folder.name:
            raise ValueError(
                f"{folder}: a class name must not hold {LABEL_SEPARATOR}, which stands between "
                "several labels; rename the folder"
            )
        videos = find_videos(folder)
        if videos == [folder]:
            raise ValueError(
                f"{folder}: holds pictures, but a class folder must hold videos; put the pictures "
                "of each video into a folder of their own"
            )
        if not videos and folder.name != PREPARED_FOLDER:
            empty.append(folder.name)
        label = normal_name(folder.name)
        entries += [ListEntry(str(v.relative_to(root)), label) for v in videos]
    warn_of_spellings(root, (entry.path.split(os.sep)[0] for entry in entries))
    if not entries:
        lies_flat = any(map(is_video_file, root.iterdir())) or any(map(is_picture, root.iterdir()))
        found = "videos or pictures, but no class folders" if lies_flat else "no videos"
        raise ValueError(
            f"{root}: holds {found}; put the videos of each class into a folder with its name"
        )
    if empty:
        warnings.warn(
            f"{root}: folders without videos are not taken for classes: {first_three(empty)}",
            VideoWarning,
            stacklevel=2,
        )
    return VideoIndex.of(root, entries)


def index_list(path: str | os.PathLike[str], listing: ListingConfig | None = None) -> VideoIndex:
    """Index the videos that a list names, in a form that :func:`.list_files.read_list` reads.

    Args:
        path: the list, CSV or JSON lines.
        listing: how it names videos; the usual values if None.

    Raises:
        ValueError: If the list cannot be read, or a video is missing.
    """
    path, listing = as_path(path), listing or ListingConfig()
    if listing.root is not None:
        _folder(listing.root)
    folder, entries = read_listed(path, listing)
    there = file_ids([join_names(folder, entry.path) for entry in entries])
    missing = [e.path for e, file_id in zip(entries, there, strict=True) if file_id is None]
    if missing:
        raise ValueError(
            f"{path}: {len(missing)} of {counted(len(entries), 'video')} "
            f"{'is' if len(missing) == 1 else 'are'} missing in {folder}: "
            f"{first_three(missing)}; check root and pattern"
        )
    try:
        return VideoIndex.of(folder, entries)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_listed(
    path: Path, listing: ListingConfig, *, labelled: bool = True
) -> tuple[Path, list[ListEntry]]:
    """Read a list, with paths as the disk spells them: slashes may be written as backslashes.

    Args:
        path: the list.
        listing: how it names videos.
        labelled: every line must have a label.

    Returns:
        The folder that relative paths start from, and the entries.

    Raises:
        ValueError: If the list cannot be read.
    """
    folder = path.parent if listing.root is None else as_path(listing.root)
    entries = read_list(
        path,
        listing.separator,
        pattern=listing.pattern,
        labelled=labelled,
        columns=listing.column_names,
        group=group_column(listing.group),
        has_background=listing.background is not None,
    )
    try:
        for entry in entries:
            check_below(folder, entry.path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if isinstance(folder, Address):
        return folder, entries
    entries = [entry._replace(path=_on_disk(folder, entry.path)) for entry in entries]
    first = entries[0].path
    if re.match(r"[A-Za-z]:[\\/]", first) and not is_there(folder / first):
        raise ValueError(
            f"{path}: names videos by a Windows drive that is not here, the first is {first}; "
            "write the paths relative to the list, or to listing.root"
        )
    return folder, entries


def _on_disk(folder: Path, path: str) -> str:
    """A path that exists, if it does with other slashes or in another Unicode form."""
    if path.isascii() and "\\" not in path:
        return path
    spellings = [
        unicodedata.normalize(form, slashed)
        for slashed in (path, path.replace("\\", "/"))
        for form in ("NFC", "NFD")
    ]
    return next((p for p in (path, *spellings) if is_there(folder / p)), path)


def index_videos(data: str | os.PathLike[str], listing: ListingConfig) -> VideoIndex:
    """Index all videos of a folder of class folders, or of a list.

    Raises:
        ValueError: If it cannot be indexed, see :func:`index_folder` and :func:`index_list`.
    """
    index = index_list(data, listing) if is_file(as_path(data)) else index_folder(data)
    return replace(with_groups(index, listing.group), fps=listing.fps)


def load_split(
    data: str | os.PathLike[str], listing: ListingConfig | None = None
) -> tuple[VideoIndex, VideoIndex]:
    """Index a training and a validation part.

    Args:
        data: a folder with ``train`` and ``validation`` (``val``, ``valid``), each with class
            folders; or class folders, or a list, from which a share of each class is drawn.
        listing: how videos are found, and which share validates; the usual values if None.

    Returns:
        Training and validation videos, with the same class names.

    Raises:
        ValueError: If a part cannot be indexed or the parts have different classes.

    Warns:
        VideoWarning: If a class has one video only, which then trains.
    """
    data, listing = as_path(data), listing or ListingConfig()
    if is_dir(data) and (parts := _split_folders(data)):
        train, validation = (index_videos(part, listing) for part in parts)
        _check_same_classes(parts, train, validation)
        return train, validation
    index = index_videos(data, listing)
    if index.num_classes < 2:
        raise ValueError(
            f"{data}: must have at least two classes to tell apart, got only "
            f"{index.class_names[0]!r}; give a folder with a folder for each class, or a list"
        )
    return split_index(index, listing)


def _inside(root: Path) -> list[Path]:
    """What lies in a folder, sorted, without what is hidden; of an address the folders alone."""
    if isinstance(root, Address):  # whose listing tells them apart
        inside: list[Path] = [root / name for name, found in root.listed() if found.is_folder]
    else:
        inside = list(root.iterdir())
    return sorted(path for path in inside if not is_hidden(path.name))


def _folder(path: str | os.PathLike[str]) -> Path:
    path = as_path(path)
    if not path.is_dir():
        what = "a file" if path.exists() else "missing"
        raise ValueError(f"{path}: must be a folder, it is {what}; check the path")
    return path


def _split_folders(root: Path) -> tuple[Path, Path] | None:
    """The training and the validation folder in ``root``, if it has both."""
    validation = [root / name for name in VALIDATION_FOLDERS if (root / name).is_dir()]
    if not ((root / TRAIN_FOLDER).is_dir() and validation):
        return None
    if len(validation) > 1:
        raise ValueError(
            f"{root}: must have one validation folder, it has "
            f"{' and '.join(folder.name for folder in validation)}; remove or rename one"
        )
    return root / TRAIN_FOLDER, validation[0]


def _check_same_classes(
    parts: tuple[Path, Path], train: VideoIndex, validation: VideoIndex
) -> None:
    named = [(parts[0], train, validation), (parts[1], validation, train)]
    only = [
        f"only in {part.name}: {first_three(sorted(names))}"
        for part, own, other in named
        if (names := set(own.class_names) - set(other.class_names))
    ]
    if only:
        raise ValueError(
            f"{parts[0].parent}: {parts[0].name} and {parts[1].name} must have the same classes; "
            f"{'; '.join(only)}"
        )
