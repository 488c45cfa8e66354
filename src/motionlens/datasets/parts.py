"""From declared data to the videos of its parts."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.background import with_background
from motionlens.datasets.groups import with_groups
from motionlens.datasets.list_faults import check_lists, file_ids
from motionlens.datasets.listing import VALIDATION_FOLDERS, index_videos, load_split
from motionlens.datasets.prepared import is_prepared, is_unfinished, load_description, load_part
from motionlens.datasets.source import RECIPE_FILE, DataSource, ListingConfig, Split
from motionlens.datasets.splitting import few_of_each, split_index
from motionlens.video.frames import VideoWarning


def open_parts(source: DataSource) -> tuple[VideoIndex, VideoIndex]:
    """The training and the validation clips of a run, with the same class names.

    Raises:
        ValueError: If something is missing, a part is empty, or the validation part has a class
            that training has not.
    """
    train, validation = _open_listed(source)
    if (background := source.listing.background) is not None:
        train, validation = (with_background(p, background) for p in (train, validation))
    train, validation = _alike(train, validation.with_classes(train.class_names))
    for name, part in (("training", train), ("validation", validation)):
        if not len(part):
            raise ValueError(
                f"the {name} part must hold at least one video, got none of {source.data}; "
                "add videos or name a validation part"
            )
    return train, validation


def open_named_parts(
    source: DataSource | None,
    data: str | os.PathLike[str] | None,
    validation: str | os.PathLike[str] | None,
    listing: ListingConfig | None,
) -> tuple[VideoIndex, VideoIndex]:
    """The training and the validation clips of a run, or of other data in their place.

    Args:
        source: the data that the run was trained on; None if nothing is known of it.
        data: folder or list file; those of ``source`` if None. Without a validation part of its
            own it is split as for training.
        validation: folder or list file with the validation videos.
        listing: how the videos are found; by default as ``source`` says, whose groups and folds
            are left out for other data.

    Raises:
        ValueError: As :func:`open_parts`; if neither ``data`` nor ``source`` is given.
    """
    if data is None and source is None:
        raise ValueError(
            f"data must be given: there is no run folder with a {RECIPE_FILE} that names it"
        )
    listing = listing or (source.listing if source else ListingConfig())
    if source is not None and validation is None and (data is None or _is_own(source, data)):
        return open_parts(replace(source, listing=listing))
    listing = replace(listing, group=None, folds=None, fold=None, per_class=None)
    named = data or (source.data if source else "")
    return open_parts(
        DataSource(
            data=os.fspath(named),
            validation=None if validation is None else os.fspath(validation),
            listing=listing,
        )
    )


def _open_listed(source: DataSource) -> tuple[VideoIndex, VideoIndex]:
    """The rows of both parts as they are listed, without clips of a background."""
    if source.listing.folds is not None:
        train, validation = split_index(_open_whole(source), source.listing)
    elif source.validation is None:
        train, validation = _open_split(source.data, source.listing)
    else:
        train = open_all(source.data, source.listing)
        validation = open_all(source.validation, source.listing)
    both = (source.data, source.validation or source.data)
    check_lists(
        source.data,
        {"training": train, "validation": validation},
        on_disk=not all(map(is_prepared, both)),
    )
    return few_of_each(train, source.listing), validation


def open_all(data: str | os.PathLike[str], listing: ListingConfig) -> VideoIndex:
    """All videos of a folder of class folders, of a list file, or of a prepared data set.

    Raises:
        ValueError: If it does not exist or cannot be used.
    """
    if is_prepared(_existing(data)):
        return _join(*_open_split(data, listing))
    return index_videos(data, listing)


def open_evaluated(
    source: DataSource | None,
    data: str | os.PathLike[str] | None,
    split: Split | None,
    listing: ListingConfig | None,
) -> VideoIndex:
    """The clips that a recognizer is to be evaluated on, with those of the background if any.

    Args:
        source: the data that the recognizer was trained on; None if nothing is known of it.
        data: folder or list file; that of ``source`` if None.
        split: part of it; by default the validation part of data that has one or of ``source``,
            else everything.
        listing: how the videos are found; by default as ``source`` says, whose groups and folds
            are left out for other data.

    Raises:
        ValueError: If the data cannot be used, or neither ``data`` nor ``source`` is given.
    """
    index = open_annotated(source, data, split, listing)
    listing = listing or (source.listing if source else ListingConfig())
    if listing.background is not None and np.isfinite(index.ends_s).any():
        index = with_background(index, listing.background)
    return index


def open_annotated(
    source: DataSource | None,
    data: str | os.PathLike[str] | None,
    split: Split | None,
    listing: ListingConfig | None,
) -> VideoIndex:
    """A row per annotation of the videos that a recognizer is to be evaluated on.

    The arguments are those of :func:`open_evaluated`.
    """
    known = source.listing if source else ListingConfig()
    if listing is not None and source is not None:
        source = replace(source, listing=listing)
    listing = listing or known
    if data is not None and not (split != "all" and _is_own(source, data)):
        # Groups and folds of the run divided its own data; there is nothing to divide here.
        group = None if listing.group == known.group else listing.group
        listing = replace(listing, group=group, folds=None, fold=None)
    if data is None:
        if source is None:
            raise ValueError(
                f"data must be given: there is no run folder with a {RECIPE_FILE} that names it"
            )
        if split == "test" and is_prepared(source.data):
            return load_part(source.data, "test")
        if split in ("all", "test"):
            raise ValueError("split must be 'train' or 'validation' where no data is given")
        train, validation = _open_listed(source)
        train, validation = _alike(train, validation)
        return train if split == "train" else validation
    index = _open_named(source, data, split, listing)
    check_lists(data, {"": index}, on_disk=not is_prepared(data))
    return index


def _is_own(source: DataSource | None, data: str | os.PathLike[str]) -> bool:
    return source is not None and Path(data).resolve() == Path(source.data).resolve()


def num_trained_on(source: DataSource, paths: Sequence[str]) -> int:
    """How many of some files a run has been trained on; 0 if its data cannot be found any more."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VideoWarning)
            trained, _ = open_parts(source)
    except (ValueError, OSError):
        return 0
    own = [os.path.abspath(trained.path(i)) for i in range(len(trained))]
    known = {*own, *file_ids(own)} - {None}
    others = [os.path.abspath(path) for path in paths]
    pairs = zip(others, file_ids(others), strict=True)
    return sum(path in known or file_id in known for path, file_id in pairs)


def _open_named(
    source: DataSource | None,
    data: str | os.PathLike[str],
    split: Split | None,
    listing: ListingConfig,
) -> VideoIndex:
    path = _existing(data)
    if is_prepared(path) and split != "all":
        return load_part(path, split or "validation")
    if split == "test":
        raise ValueError(f"split 'test' needs a prepared data set, {path} is none; leave it out")
    has_parts = _has_parts(path)
    # If the run validates on other data, naming its training data means all of it.
    splits_own = source is not None and _is_own(source, path) and source.validation is None
    if split == "all" or (split is None and not has_parts and not splits_own):
        return _join(*_open_split(data, listing)) if has_parts else open_all(data, listing)
    train, validation = _open_split(data, listing)
    return train if split == "train" else validation


def known_flip_pairs(source: DataSource | None, index: VideoIndex) -> Mapping[str, str] | None:
    """Which classes a mirror swaps: as the run declares it, else as the data set's catalogue does.

    Returns:
        Class name to class name, ``{}`` if none swaps; None if unknown.
    """
    if source is not None:
        if isinstance(source.horizontal_flip, Mapping):
            return source.horizontal_flip
        if source.horizontal_flip == "catalog" and is_prepared(source.data):
            return load_description(source.data).flip_pairs
    return index.flip_pairs


def _open_split(
    data: str | os.PathLike[str], listing: ListingConfig
) -> tuple[VideoIndex, VideoIndex]:
    if is_prepared(_existing(data)):
        train, validation = load_part(data, "train"), load_part(data, "validation")
        return with_groups(train, listing.group), with_groups(validation, listing.group)
    return load_split(data, listing)


def _has_parts(data: str | os.PathLike[str]) -> bool:
    return is_prepared(data) or any(Path(data, name).is_dir() for name in VALIDATION_FOLDERS)


def _open_whole(source: DataSource) -> VideoIndex:
    """The training and the validation videos of a run as one index."""
    listing = replace(source.listing, folds=None, fold=None)
    if source.validation is not None:
        parts = (open_all(source.data, listing), open_all(source.validation, listing))
        return _join(*parts)
    if _has_parts(_existing(source.data)):
        return _join(*_open_split(source.data, listing))
    return index_videos(source.data, listing)


def _join(first: VideoIndex, second: VideoIndex) -> VideoIndex:
    """The videos of two parts, which may lie under different roots."""
    parts = _alike(first, second.with_classes(first.class_names))
    paths = [os.path.abspath(part.path(i)) for part in parts for i in range(len(part))]
    rows: dict[str, Any] = {
        name: np.concatenate([part.columns()[name] for part in parts])
        for name in parts[0].columns()
    }
    return replace(parts[0], **rows | {"paths": np.array(paths, dtype=np.str_)})


def _alike(*parts: VideoIndex) -> Sequence[VideoIndex]:
    """Parts that all have targets, if one of them has."""
    has_targets = any(part.targets is not None for part in parts)
    return [part.with_targets() for part in parts] if has_targets else parts


def _existing(data: str | os.PathLike[str]) -> Path:
    path = Path(data)
    if not path.exists():
        raise ValueError(f"data must be a folder or a list file, {path} does not exist")
    if is_unfinished(path):
        raise ValueError(
            f"{path}: preparing was not finished; run the same 'motionlens prepare' again"
        )
    return path
