import threading

import pytest
import torch

from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.inference.streaming.feed import FrameFeed
from motionlens.video.stream import FrameSource, SourceFrame


class Numbered(FrameSource):
    """Frames of which number i is grey of i; counts those that are looked at."""

    name, fps = "numbered", 10.0

    def __init__(self, num_frames, *, is_live=False, error=None):
        super().__init__()
        self.num_frames, self.is_live, self.error = num_frames, is_live, error
        self.loaded, self.is_closed = [], False

    def __iter__(self):
        for number in range(self.num_frames):
            yield SourceFrame(number / 10, lambda number=number: self._load(number))
        if self.error is not None:
            raise self.error

    def _load(self, number):
        self.loaded.append(number)
        return torch.full((3, 8, 8), number, dtype=torch.uint8)

    def close(self):
        self.is_closed = True


def feed_of(source, sampling=None, *, capacity=8, **options):
    sampling = sampling or Sampling(4)
    return FrameFeed(lambda: source, sampling, Preprocessing(8, 8), capacity=capacity, **options)


def numbers(*batches):
    return [row for batch in batches for row in batch.frames[:, :, 0, 0, 0].tolist()]


def test_a_source_that_waits_gives_all_in_full_batches():
    source = Numbered(50)
    feed = feed_of(source, capacity=6)
    batches = list(feed.batches(5))
    assert [len(batch.times_s) for batch in batches] == [5] * 10
    assert numbers(*batches) == [[i] for i in range(50)]
    assert not any(batch.after_gap for batch in batches)
    assert (feed.seen, feed.dropped, feed.end_s) == (50, 0, 4.9)
    assert source.is_closed


class InStages(Numbered):
    """A live source that pauses after every 20 frames, until it is told to go on."""

    def __init__(self, num_frames):
        super().__init__(num_frames, is_live=True)
        self.paused, self.go = threading.Semaphore(0), threading.Semaphore(0)

    def __iter__(self):
        for number, frame in enumerate(super().__iter__()):
            if number and number % 20 == 0:
                self.paused.release()
                self.go.acquire()
            yield frame


def test_a_live_source_drops_what_finds_no_room_and_says_where():
    source = InStages(60)
    feed = feed_of(source, capacity=6)
    batches = feed.batches(1)
    found = [next(batches)]
    source.paused.acquire()
    found.append(next(batches))
    # Room for one: frames are dropped all the same until all that wait are taken.
    source.go.release()
    source.paused.acquire()
    while feed._waiting:
        found.append(next(batches))
    before = len(found)
    assert before in (6, 7)  # the first may have been taken before or after the seventh came
    assert numbers(*found) == [[i] for i in range(before)]
    source.go.release()
    found += batches
    assert numbers(found[before]) == [[40]]
    assert [batch.after_gap for batch in found[: before + 2]] == [False] * before + [True, False]
    assert feed.seen == 60
    assert len(found) + feed.dropped == 60


@pytest.mark.parametrize(
    ("sampling", "expected", "loaded"),
    [
        (Sampling(4, 3), [[0], [3], [6], [9]], [0, 3, 6, 9]),
        (Sampling(4, mode="segments", seconds=1.2), [[1], [4], [7], [10]], [1, 4, 7, 10]),
        (Sampling(4, 4, lead=1), [[0, 0], [3, 4], [7, 8]], [0, 3, 4, 7, 8]),
        (Sampling(4, 1, lead=2), [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3]], None),
        (Sampling(4, 2, lead=3), [[0, 0, 0, 0], [0, 0, 1, 2], [1, 2, 3, 4]], None),
    ],
)
def test_which_frames_are_taken_and_looked_at(sampling, expected, loaded):
    source = Numbered(12)
    (batch,) = feed_of(source, sampling, capacity=99).batches(99)
    assert numbers(batch)[: len(expected)] == expected
    if loaded is not None:
        assert source.loaded == loaded


def test_errors_come_after_the_frames_before():
    source = Numbered(5, error=ValueError("broken"))
    feed = feed_of(source)
    found = []
    with pytest.raises(ValueError, match="broken"):
        found.extend(feed.batches(2))
    assert sum(len(batch.times_s) for batch in found) == 5
    assert source.is_closed
    with pytest.raises(RuntimeError, match="can be gone through once"):
        next(feed.batches(2))


def test_stopped_from_outside():
    source = Numbered(10_000)
    feed = feed_of(source)
    for _ in feed.batches(2):
        feed.stop()
    feed._thread.join()
    assert feed.was_stopped
    assert source.is_closed
    assert feed.seen <= 12
