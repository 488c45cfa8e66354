"""A network that sees frames one by one learns nothing of the classes; one that sees two does."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from motionlens.synthetic.motion_suite.suite import MotionSuite
from motionlens.synthetic.motion_suite.tasks import TASKS

NUM_TRAIN, NUM_TEST = 210, 420
NUM_EPOCHS = 3


@cache
def clips(task, part, number):
    """Frames, uint8 ``(V, T, 64, 64, 3)``, and labels; easy, for there least hides a cue."""
    suite = MotionSuite(task, "easy", seed=7)
    drawn = [suite.clip(part, i) for i in range(number)]
    return np.stack([frames for frames, _ in drawn]), np.array([label for _, label in drawn])


def as_input(frames):
    """uint8 ``(N, 64, 64, 3)`` to float ``(N, 3, 32, 32)``."""
    return F.avg_pool2d(torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1, 2)


def frame_accuracy(train, train_labels, test, test_labels, num_classes):
    """Train a small network on single frames; its accuracy on other ones."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 5, 2, 2), nn.ReLU(), nn.BatchNorm2d(16),
        nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.BatchNorm2d(32),
        nn.Flatten(), nn.Linear(32 * 64, num_classes),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    x, y = as_input(train), torch.from_numpy(train_labels)
    for _ in range(NUM_EPOCHS):
        for batch in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    with torch.no_grad():
        return float((net(as_input(test)).argmax(1).numpy() == test_labels).mean())


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_single_frames_give_chance(task):
    num_classes = len(TASKS[task].class_names)
    frames, labels = clips(task, "train", NUM_TRAIN)
    test, test_labels = clips(task, "test", NUM_TEST)
    # One frame of each clip at a random time, so that what is counted is independent.
    times = np.random.default_rng(0).integers(frames.shape[1], size=NUM_TEST)
    found = frame_accuracy(
        frames.reshape(-1, *frames.shape[2:]),
        labels.repeat(frames.shape[1]),
        test[np.arange(NUM_TEST), times],
        test_labels,
        num_classes,
    )
    chance = 1 / num_classes
    assert abs(found - chance) < 3.3 * np.sqrt(chance * (1 - chance) / NUM_TEST)


@pytest.mark.slow
def test_the_same_network_reads_what_a_frame_does_show():
    suite = MotionSuite("approach_recede", "easy", seed=7)

    def sizes(part, number):
        scenes = [suite.scene(part, i) for i in range(number)]
        sides = [np.nanmax([t.boxes[:, 2] for t in s.tracks], axis=0) for s in scenes]
        return np.digitize(np.stack(sides), [15.4, 21.5])  # thirds on the scale of its logarithm

    frames, _ = clips("approach_recede", "train", NUM_TRAIN)
    test, _ = clips("approach_recede", "test", NUM_TEST)
    found = frame_accuracy(
        frames.reshape(-1, *frames.shape[2:]),
        sizes("train", NUM_TRAIN).reshape(-1),
        test[:, 0],
        sizes("test", NUM_TEST)[:, 0],
        3,
    )
    assert found > 0.5


def shift(first, second):
    """Rows and columns by which what two pictures show has moved: where they correlate best."""
    product = np.fft.rfft2(first, axes=(0, 1)).conj() * np.fft.rfft2(second, axes=(0, 1))
    scores = np.fft.irfft2(product.sum(2))
    peak = np.array(np.unravel_index(scores.argmax(), scores.shape))
    return (peak + 32) % 64 - 32


def test_two_frames_give_the_direction_away():
    frames, labels = clips("direction", "test", NUM_TEST)
    names = TASKS["direction"].class_names
    steps = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    rights = []
    for clip, label in zip(frames[:100].astype(float), labels, strict=False):
        moving = clip - np.median(clip, axis=0)  # the background stands still
        step = np.median([shift(a, b) for a, b in pairwise(moving)], axis=0)
        scores = [step @ steps[name] for name in names]
        rights.append(int(np.argmax(scores)) == label)
    assert np.mean(rights) > 0.9
