import pickle
from collections import Counter

import numpy as np
import pytest

from motionlens.clips.epoch_order import (
    Padding,
    Repeated,
    balanced_order,
    padded_share,
    shuffled_order,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_shuffled_order_holds_every_clip_once():
    assert sorted(shuffled_order(7, rng())) == list(range(7))
    assert shuffled_order(7, rng()) == shuffled_order(7, rng())
    assert shuffled_order(7, rng()) != shuffled_order(7, rng(1))


@pytest.mark.parametrize("seed", range(5))
def test_balanced_order_holds_as_many_of_each_class(seed):
    labels = np.array([0] * 8 + [1] * 2 + [3] * 1)
    order = balanced_order(labels, rng(seed))
    assert len(order) == len(labels)
    assert sorted(Counter(labels[order].tolist()).values()) == [3, 4, 4]
    assert Counter(labels[order].tolist()).keys() == {0, 1, 3}
    # A class's clips come in turn before one comes again.
    assert max(Counter(i for i in order if labels[i] == 0).values()) == 1
    seen = Counter()
    for i in sorted(order, key=lambda i: getattr(i, "time", 0)):
        assert getattr(i, "time", 0) == seen[int(i)]
        seen[int(i)] += 1


def test_balanced_order_of_equal_classes_leaves_nothing_out():
    assert sorted(balanced_order(np.array([0, 1, 0, 1]), rng())) == [0, 1, 2, 3]


@pytest.mark.parametrize(("clips", "processes"), [(7, 2), (6, 2), (1, 4), (9, 3)])
def test_shares_hold_every_clip_once_and_are_equally_long(clips, processes):
    order = shuffled_order(clips, rng())
    shares = [padded_share(order, rank, processes) for rank in range(processes)]
    assert len({len(share) for share in shares}) == 1
    counted = [i for share in shares for i in share if not isinstance(i, Padding)]
    assert sorted(counted) == list(range(clips))
    # In turn, so that a batch of each process is what one process would take at a time.
    assert [shares[place % processes][place // processes] for place in range(clips)] == order


def test_repeated_travels_to_workers():
    again = Repeated(3)
    again.time = 2
    found = pickle.loads(pickle.dumps(again))
    assert (found, found.time, type(found)) == (3, 2, Repeated)
    assert type(pickle.loads(pickle.dumps(Padding(3)))) is Padding
