"""A prepared data set: a folder with one list per part and a description.

dataset.json     class names in order, rate of frame folders, classes that swap when mirrored
train.csv        path,label,start,end,num_frames and, if known, group; likewise validation.csv and,
                 if any, test.csv
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from motionlens._utils.addresses import Address, as_path, check_below, is_address, join
from motionlens._utils.csv_files import read_csv, write_csv
from motionlens._utils.errors import one_line
from motionlens._utils.files import parse_json, write_atomically
from motionlens.clips.video_index import ListEntry, VideoIndex, check_class_text
from motionlens.video.frames import check_fps

DESCRIPTION_FILE = "dataset.json"
# Files that preparing and packing keep for their next call.
CACHE_FILE, PACKING_FILE = "checked.jsonl", "packing.json"
FORMAT_VERSION = 1
Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
_COLUMNS = ("path", "label", "start", "end", "num_frames")


@dataclass(frozen=True, kw_only=True)
class PreparedSet:
    """The description of a prepared data set.

    Attributes:
        name: in the catalogue, such as ``"jester"``.
        class_names: in the order of the labels.
        root: folder that the lists' paths start from; relative to the prepared folder, or
            absolute.
        fps: frames per second of frame folders.
        multi_label: whether a video may show several classes.
        flip_pairs: class names that swap when a clip is mirrored left to right; None if
            unknown.
        format_version: of the files.
    """

    name: str
    class_names: tuple[str, ...]
    root: str = "."
    fps: float = 12.0
    multi_label: bool = False
    flip_pairs: Mapping[str, str] | None = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        pairs = {} if self.flip_pairs is None else self.flip_pairs
        texts = [self.name, self.root, *self.class_names]
        if not isinstance(pairs, Mapping) or not isinstance(self.multi_label, bool):
            raise ValueError("flip_pairs must be an object or null, and multi_label true or false")
        texts += [*pairs.keys(), *pairs.values()]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("name, root, class_names and flip_pairs must be texts")
        if len(set(self.class_names)) < len(self.class_names):
            raise ValueError("class_names must be distinct")
        check_class_text(self.class_names)
        check_fps(self.fps)


def is_prepared(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a prepared data set."""
    return (as_path(folder) / DESCRIPTION_FILE).is_file()


def is_unfinished(folder: str | os.PathLike[str]) -> bool:
    """Whether preparing or packing has begun in a folder and was not finished."""
    files = (as_path(folder) / name for name in (CACHE_FILE, PACKING_FILE))
    return any(file.is_file() for file in files) and not is_prepared(folder)


def claim(path: Path, wanted: Mapping[str, Any], *, ignore: str = "") -> tuple[str, Any] | None:
    """Write into a file what its folder is begun with, unless it says so already.

    Args:
        path: of the file.
        wanted: plain values by their names.
        ignore: a value that may differ.

    Returns:
        Name and value of what the folder was begun with instead; None if it agrees.

    Raises:
        ValueError: If the file is damaged.
        OSError: If it cannot be written.
    """
    if not path.is_file():
        write_atomically(path, (json.dumps(wanted, indent=1) + "\n").encode())
        return None
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
        differing = (
            n for n in {**wanted, **found} if n != ignore and found.get(n) != wanted.get(n)
        )
        return next(((name, found.get(name)) for name in differing), None)
    except (ValueError, AttributeError):
        raise ValueError(f"{path}: is damaged; remove the folder or name another") from None


def save_description(folder: Path, prepared: PreparedSet) -> None:
    """Write ``dataset.json``. It comes last, because it makes the folder a prepared data set.

    Raises:
        OSError: If it cannot be written.
    """
    text = json.dumps(asdict(prepared), indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / DESCRIPTION_FILE, text.encode())


def load_description(folder: str | os.PathLike[str]) -> PreparedSet:
    """Read ``dataset.json``.

    Raises:
        ValueError: If it is missing, damaged, or of a newer version.
    """
    path = as_path(folder) / DESCRIPTION_FILE
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it must hold a JSON object")
        if values.get("format_version", 1) > FORMAT_VERSION:
            raise ValueError("a newer motionlens wrote it, upgrade this one")
        values["class_names"] = tuple(values["class_names"])
        return PreparedSet(**values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = getattr(error, "strerror", None) or one_line(error)
        raise ValueError(
            f"{path}: cannot be read ({reason}); run 'motionlens prepare' once more"
        ) from None


def save_part(
    folder: Path, part: Part, entries: Sequence[ListEntry], num_frames: Sequence[int | None]
) -> None:
    """Write the list of a part; unknown labels, times and numbers of frames stay empty.

    Raises:
        OSError: If it cannot be written.
    """
    has_groups = any(entry.group for entry in entries)
    rows = [
        # A float is written so that it reads back equal, None as nothing.
        (entry.path, entry.label, *entry.window, n, *([entry.group] if has_groups else []))
        for entry, n in zip(entries, num_frames, strict=True)
    ]
    columns = (*_COLUMNS, "group") if has_groups else _COLUMNS
    write_csv(folder / f"{part}.csv", [columns, *rows])


def read_part(folder: str | os.PathLike[str], part: Part) -> list[ListEntry]:
    """Read what :func:`save_part` wrote, character for character.

    Raises:
        ValueError: If the list cannot be read.
    """
    path = as_path(folder) / f"{part}.csv"
    hint = "run 'motionlens prepare' once more"
    rows = read_csv(path, ("path", "label", "start", "end"), hint=hint)
    try:
        return [
            ListEntry(
                row["path"],
                row["label"],
                float(row["start"] or math.nan),
                float(row["end"] or math.nan),
                row.get("group", ""),
            )
            for row in rows
        ]
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}; {hint}") from None


def root_of(folder: Path, prepared: PreparedSet) -> Path:
    """The folder that the lists' paths start from.

    Raises:
        ValueError: If a folder in a store names one of a machine, or of another bucket.
    """
    if not isinstance(folder, Address) or is_address(prepared.root):
        return join(folder, prepared.root)
    if os.path.isabs(prepared.root):
        raise ValueError(
            f"{prepared.root} is a folder of the machine that wrote it; prepare into a folder "
            "inside of the data, and copy both to the store"
        )
    parts = [*folder.parts]
    for word in prepared.root.split("/"):
        if word == "..":
            if len(parts) <= 2:
                raise ValueError(f"{prepared.root} leads out of {folder.parts[1]}")
            parts.pop()
        elif word not in ("", "."):
            parts.append(word)
    return as_path("/".join(parts))


def load_part(folder: str | os.PathLike[str], part: Part) -> VideoIndex:
    """The videos of a part; preparing has checked that they exist.

    Raises:
        ValueError: If the folder holds no such part, or its files are damaged.
    """
    folder = as_path(folder)
    prepared = load_description(folder)
    path = folder / f"{part}.csv"
    if not path.is_file():
        raise ValueError(f"{folder}: the data set {prepared.name} has no {part} part")
    entries = read_part(folder, part)
    try:
        root = root_of(folder, prepared)
        for entry in entries:
            check_below(root, entry.path)
        index = VideoIndex.of(root, entries, prepared.class_names, prepared.fps)
        if prepared.multi_label:
            index = index.with_targets()
    except ValueError as error:
        raise ValueError(f"{path} cannot be used: {error}") from None
    return replace(index, flip_pairs=prepared.flip_pairs)
