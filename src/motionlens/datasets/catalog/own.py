"""The user's own data: folders of class folders, and lists."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from motionlens._utils.addresses import is_address, join
from motionlens.clips.video_index import ListEntry, VideoIndex, normal_name
from motionlens.datasets.catalog.locating import LocalCopy
from motionlens.datasets.catalog.spec import DatasetSpec, OfficialCopy, Option
from motionlens.datasets.groups import with_groups
from motionlens.datasets.listing import load_split, read_listed
from motionlens.datasets.prepared import PARTS, Part
from motionlens.datasets.source import ListingConfig
from motionlens.datasets.splitting import split_index
from motionlens.video.find import find_videos

_LIST_SUFFIXES = (".csv", ".txt", ".tsv", ".jsonl", ".json")


def _read_folder(root: Path, *, fps: float = 12.0, **listing: Any) -> OfficialCopy:
    copy, rule = LocalCopy(root), ListingConfig(**listing)
    train, validation = load_split(root, rule)
    parts = {"train": _entries(train, root), "validation": _entries(validation, root)}
    notes = []
    if train.root == root:
        notes.append(_drawn(rule))
    elif (test := copy.find("test")) is not None and (root / test).is_dir():
        parts["test"] = _read_test(root, root / test, train.class_names)
    return OfficialCopy(
        folder=root,
        parts={part: parts[part] for part in PARTS if parts.get(part)},
        class_names=train.class_names,
        fps=fps,
        notes=tuple(notes),
    )


def _read_test(root: Path, folder: Path, class_names: Sequence[str]) -> list[ListEntry]:
    """Videos of a test part; those outside of class folders have no class."""
    entries = []
    for video in find_videos(folder):
        top = video.relative_to(folder).parts[0]
        name = normal_name(top)
        label = name if name in class_names and video != folder / top else ""
        entries.append(ListEntry(str(video.relative_to(root)), label))
    return entries


def _read_list(
    root: Path, *, fps: float = 12.0, video_root: str | None = None, **listing: Any
) -> OfficialCopy:
    rule = ListingConfig(root=video_root, **listing)
    folder = root.parent if root.is_file() else root
    lists: dict[Part, Path] = {"train": root}
    if root.is_dir():
        lists = LocalCopy(root).part_lists([f"{{}}{suffix}" for suffix in _LIST_SUFFIXES])
    parts: dict[Part, list[ListEntry]] = {}
    for part, path in lists.items():
        base, entries = read_listed(path, rule, labelled=part != "test")
        parts[part] = [e._replace(path=_relative(join(base, e.path), folder)) for e in entries]
        known = with_groups(VideoIndex.of(folder, parts[part]), rule.group)
        parts[part] = [known.entry(i) for i in range(len(known))]
    known = VideoIndex.of(folder, [entry for part in parts.values() for entry in part])
    notes = []
    if root.is_file():
        halves = split_index(known, rule)
        parts = {"train": _entries(halves[0], folder), "validation": _entries(halves[1], folder)}
        notes.append(_drawn(rule))
    return OfficialCopy(
        folder=folder, parts=parts, class_names=known.class_names, fps=fps, notes=tuple(notes)
    )


def _drawn(listing: ListingConfig) -> str:
    share = (
        f"{100 * listing.validation_fraction:g} % of each class was drawn for the validation part"
    )
    if listing.group is not None:
        return f"About {share}, in whole groups by {listing.group}."
    # What lies between the actions of a video is on the same side as they are.
    return f"{share}." if listing.background is None else f"About {share}, in whole videos."


def _entries(index: VideoIndex, folder: Path) -> list[ListEntry]:
    """The entries of an index, with paths relative to a folder."""
    paths = (_relative(index.path(i), folder) for i in range(len(index)))
    return [index.entry(i)._replace(path=path) for i, path in enumerate(paths)]


def _relative(path: Path, folder: Path) -> str:
    """Relative if it lies inside the folder, so that both can be moved together; else absolute."""
    if is_address(path) or is_address(folder):
        return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
    whole, top = os.path.abspath(path), os.path.abspath(folder)
    inside = os.path.commonpath([whole, top]) == top
    return os.path.relpath(whole, top) if inside else whole


_SHARED = {
    "fps": Option(float, "frames per second of frame folders"),
    "validation_fraction": Option(
        float, "share of each class that validates where there are no parts"
    ),
    "split_seed": Option(int, "decides which videos these are"),
    "group": Option(str, "column, file or pattern that keeps a person or scene in one part"),
}

# What mirroring does to a user's own classes is said in the recipe.
FOLDER = DatasetSpec(
    name="folder",
    title="a folder of class folders",
    layout="CLASS/*.mp4 or CLASS/VIDEO/*.jpg; {train,val,test}/CLASS/*.mp4",
    reader=_read_folder,
    options=_SHARED,
    swaps=None,
)
LIST = DatasetSpec(
    name="list",
    title="lists of videos",
    layout="{train,validation,test}.csv, or is a list itself; path,label[|label...],start,end",
    reader=_read_list,
    options={
        **_SHARED,
        "video_root": Option(str, "what relative paths in a list are relative to"),
        "separator": Option(str, "between the columns of a list"),
        "pattern": Option(str, "makes paths, such as 'videos/{}.mp4'"),
        "columns": Option(str, "of a list without headings, such as path,num_frames,label"),
        "background": Option(str, "class of what annotations do not cover; say it to train too"),
    },
    swaps=None,
)
