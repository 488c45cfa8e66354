"""In which order clips are seen, and how processes share them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class Padding(int):
    """Index of a clip that only fills up a process's share: its weight is 0."""


class Repeated(int):
    """Index of a clip that an epoch holds several times; each time it is cut differently.

    Attributes:
        time: how often it has been there before.
    """

    time: int


def shuffled_order(num_clips: int, rng: np.random.Generator) -> list[int]:
    """Every clip once."""
    found: list[int] = rng.permutation(num_clips).tolist()
    return found


def balanced_order(labels: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
    """As many clips as there are, as many of each class that has any.

    A class's clips come in turn before one comes a second time; which classes get one more than
    others, where the number does not divide, is drawn too.

    Args:
        labels: ``(V,)``, at least 0.
        rng: all chance comes from it.
    """
    classes = np.unique(labels)
    quotas = np.full(len(classes), len(labels) // len(classes))
    quotas[rng.permutation(len(classes))[: len(labels) % len(classes)]] += 1
    order: list[int] = []
    for label, quota in zip(classes, quotas.tolist(), strict=True):
        clips = np.flatnonzero(labels == label)
        for position in range(quota):
            time, place = divmod(position, len(clips))
            if place == 0:
                turn = rng.permutation(clips)
            index = int(turn[place])
            if time:
                index = Repeated(index)
                index.time = time
            order.append(index)
    return [order[place] for place in rng.permutation(len(order))]


def padded_share(order: Sequence[int], rank: int, world_size: int) -> list[int]:
    """Every ``world_size``-th clip from ``rank``; all processes get the same number.

    Where the number does not divide, the last ones get a :class:`Padding`.
    """
    missing = -len(order) % world_size
    filled = [*order, *(Padding(order[place % len(order)]) for place in range(missing))]
    return filled[rank::world_size]
