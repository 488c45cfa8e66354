"""Draw a validation part, or folds for cross-validation; groups stay together."""

import warnings
import zlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from motionlens._utils.checks import check_at_least
from motionlens._utils.errors import first_three
from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.source import ListingConfig
from motionlens.video.frames import VideoWarning

# Orders of the groups that are tried; the best division of them counts.
_NUM_TRIES = 10


def split_index(index: VideoIndex, listing: ListingConfig) -> tuple[VideoIndex, VideoIndex]:
    """Draw a share of each class, at least one video and never all; or one fold.

    Where the videos have groups, whole groups are drawn, so that shares are as near to those of
    the clips as groups allow. With a background, each video is a group where there are no others.

    Args:
        index: the videos.
        listing: says which share or fold, and has the seed that decides which videos; without
            groups and folds together with the class name, so that other classes have no influence.

    Returns:
        Training and validation videos, each in the order of ``index``.

    Raises:
        ValueError: If the seed is negative, or no class has two videos or groups.

    Warns:
        VideoWarning: If a class has one video or group only, which then trains.
    """
    check_at_least(0, split_seed=listing.split_seed)
    thing = "video" if index.groups is None else "group"
    if listing.background is not None and index.groups is None:
        # What lies between the actions of a video would train and validate.
        index = replace(index, groups=index.paths)
    if listing.folds is not None:
        is_drawn = fold_numbers(index, listing) == (listing.fold or 1) - 1
    elif index.groups is not None:
        is_drawn = _draw_groups(index, listing)
    else:
        is_drawn = _draw_videos(index, listing)
    if not is_drawn.any():
        raise ValueError(
            f"{index.root}: no class has two {thing}s, so none is left to validate on; add videos "
            "or give a validation part"
        )
    train, validation = (
        index.subset(np.flatnonzero(~is_drawn)),
        index.subset(np.flatnonzero(is_drawn)),
    )
    trained, validated, all_of = (part.counts() for part in (train, validation, index))
    single = [name for name in index.class_names if all_of[name] and not validated[name]]
    if single and listing.folds is None:
        why = f"with one {thing} only, which trains and is not validated"
        if index.groups is not None:
            why = f"that are not validated, as one {thing} has them or all their {thing}s train"
        warnings.warn(
            f"{index.root}: classes {why}: {first_three(single)}", VideoWarning, stacklevel=3
        )
    untrained = [name for name in index.class_names if validated[name] and not trained[name]]
    if untrained:
        warnings.warn(
            f"{index.root}: classes whose videos are all in the fold that validates: "
            f"{first_three(untrained)}",
            VideoWarning,
            stacklevel=3,
        )
    return train, validation


def few_of_each(index: VideoIndex, listing: ListingConfig) -> VideoIndex:
    """``listing.per_class`` videos of each class, those with fewer whole, in the index's order.

    A smaller number takes some of those that a larger one takes. A video of several labels counts
    for its first.
    """
    if listing.per_class is None:
        return index
    chosen = [
        np.random.default_rng([listing.split_seed, zlib.crc32(name.encode())]).permutation(
            np.flatnonzero(index.labels == number)
        )[: listing.per_class]
        for number, name in enumerate(index.class_names)
    ]
    return index.subset(np.sort(np.concatenate(chosen)))


def fold_numbers(index: VideoIndex, listing: ListingConfig) -> NDArray[np.int64]:
    """The fold of each video, in ``0..listing.folds - 1``; clips of one video share theirs.

    Raises:
        ValueError: If there are fewer videos or groups than folds.
    """
    folds = listing.folds or 1
    # Without groups the clips of one video stay together all the same.
    names = index.paths if index.groups is None else index.groups
    groups, members = np.unique(names, return_inverse=True)
    if len(groups) < folds:
        thing = "videos" if index.groups is None else "groups"
        raise ValueError(
            f"folds must be at most the number of {thing}, got {folds} of {len(groups)} {thing}; "
            "take fewer"
        )
    counts = _class_counts(index, members, len(groups))
    numbers = _divide(counts, np.full(folds, 1 / folds), np.ones(folds), listing.split_seed)
    return numbers[members]


def _draw_groups(index: VideoIndex, listing: ListingConfig) -> NDArray[np.bool_]:
    assert index.groups is not None
    groups, members = np.unique(index.groups, return_inverse=True)
    counts = _class_counts(index, members, len(groups))
    share = listing.validation_fraction
    # A class that is never trained is far worse than one that is never validated.
    drawn = _divide(counts, np.array([1 - share, share]), np.array([0.01, 1]), listing.split_seed)
    classes = counts[:, :-1]
    for k in range(classes.shape[1]):
        if classes[:, k].any() and not classes[drawn == 0, k].any():
            # All groups of the class were drawn: the one with most of it trains.
            drawn[int(classes[:, k].argmax())] = 0
    for k in np.flatnonzero((classes[drawn == 1] == 0).all(axis=0)).tolist():
        # No group of the class was drawn: the smallest one that leaves all classes some to train.
        for group in np.argsort(counts[:, -1], kind="stable").tolist():
            rest = classes[(drawn == 0) & (np.arange(len(groups)) != group)]
            is_spare = bool((rest[:, classes[group] > 0] > 0).any(axis=0).all())
            if classes[group, k] and not drawn[group] and is_spare:
                drawn[group] = 1
                break
    is_drawn: NDArray[np.bool_] = (drawn == 1)[members]
    return is_drawn


def _draw_videos(index: VideoIndex, listing: ListingConfig) -> NDArray[np.bool_]:
    fraction, seed = listing.validation_fraction, listing.split_seed
    is_drawn = np.zeros(len(index), dtype=bool)
    for label, name in enumerate(index.class_names):
        members = np.flatnonzero(index.labels == label)
        if len(members) > 1:
            number = min(max(round(fraction * len(members)), 1), len(members) - 1)
            rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
            is_drawn[rng.choice(members, number, replace=False)] = True
    return is_drawn


def _class_counts(
    index: VideoIndex, members: NDArray[np.int64], num_groups: int
) -> NDArray[np.float64]:
    """Videos of each class in each group, and in the last column all of them."""
    shown = index.with_targets().targets
    assert shown is not None
    counts = np.zeros((num_groups, index.num_classes + 1))
    np.add.at(counts, members, np.column_stack([shown, np.ones(len(index))]).astype(np.float64))
    return counts


def _divide(
    counts: NDArray[np.float64],
    shares: NDArray[np.float64],
    penalties: NDArray[np.float64],
    seed: int,
) -> NDArray[np.int64]:
    """Put groups into bins so that each class is divided by the shares, as near as groups allow.

    Args:
        counts: ``(G, C)``, videos of each class in each group.
        shares: ``(B,)``, wanted share of each bin; they sum to 1.
        penalties: ``(B,)``, how bad it is that a bin holds the whole of a class.
        seed: decides among equally good divisions.

    Returns:
        The bin of each group, ``(G,)``.
    """
    parts = counts / np.maximum(counts.sum(axis=0), 1)
    # A class of one group is in one bin in any case.
    is_divisible = (counts > 0).sum(axis=0) > 1
    rng = np.random.default_rng([seed, len(shares)])
    best: tuple[float, NDArray[np.int64]] | None = None
    for _ in range(_NUM_TRIES if len(counts) < 2000 else 1):
        shuffled = rng.permutation(len(counts))
        order = shuffled[np.argsort(-parts[shuffled].sum(axis=1), kind="stable")]
        filled = np.zeros((len(shares), counts.shape[1]))
        bins = np.zeros(len(counts), dtype=np.int64)
        for group in order.tolist():
            more = parts[group]
            costs = (more * (2 * (filled - shares[:, None]) + more)).sum(axis=1)
            bins[group] = int(costs.argmin())
            filled[bins[group]] += more
        whole = (filled > 1 - 1e-9) & is_divisible
        cost = ((filled - shares[:, None]) ** 2).sum() + 1000 * (
            whole.sum(axis=1) * penalties
        ).sum()
        if best is None or cost < best[0]:
            best = float(cost), bins
    assert best is not None
    return best[1]
