import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from motionlens.clips.augmentation import ClipTransform, ColorJitter
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.clips.symmetries import LabelSymmetries
from motionlens.clips.training_loader import ClipDataset, build_loader
from motionlens.datasets.listing import index_folder
from motionlens.video.frames import VideoError

SAMPLING = Sampling(4, 1)
PREPROCESSING = Preprocessing(16, 18)


@pytest.fixture
def index(class_folders):
    return index_folder(class_folders)


@pytest.fixture
def training(index):
    def build(**options):
        symmetries = LabelSymmetries(horizontal_flip={"left": "right"})
        transform = ClipTransform(PREPROCESSING, index.class_names, symmetries)
        return ClipDataset(index, SAMPLING, transform, **options)

    return build


@pytest.fixture
def evaluation(index):
    def build(**options):
        return ClipDataset(index, SAMPLING, PREPROCESSING, **options)

    return build


def load(dataset, **options):
    """Clips by their index, and the order in which they came."""
    defaults = {"batch_size": 3, "shuffle": True, "num_workers": 0, "seed": 0}
    loader = build_loader(dataset, **{**defaults, **options})
    return collect(loader)


def collect(loader):
    clips, labels, order = {}, {}, []
    for batch in loader:
        for clip, label, i in zip(batch["clip"], batch["label"], batch["index"], strict=True):
            clips[int(i)], labels[int(i)] = clip, int(label)
            order.append(int(i))
    return clips, labels, order


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[i], second[i]) for i in first)


class TestItems:
    def test_what_an_item_is(self, training):
        item = training()[3]
        assert item["clip"].shape == (3, 4, 16, 16)
        assert item["clip"].dtype == torch.float32
        assert item["label"] in (0, 1)
        assert item["index"] == 3

    def test_seed_epoch_and_index_decide(self, training):
        dataset, other_seed = training(), training(seed=1)
        clip = dataset[2]["clip"]
        assert torch.equal(clip, dataset[2]["clip"])
        assert torch.equal(clip, training()[2]["clip"])
        assert not torch.equal(clip, other_seed[2]["clip"])
        dataset.set_epoch(1)
        assert not torch.equal(clip, dataset[2]["clip"])
        dataset.set_epoch(0)
        assert torch.equal(clip, dataset[2]["clip"])

    def test_global_chance_is_left_alone(self, training):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        dataset = training()
        load(dataset)
        assert torch.equal(torch.get_rng_state(), before)

    def test_labels_follow_the_flip(self, training, index):
        dataset, labels = training(), set()
        for epoch in range(12):
            dataset.set_epoch(epoch)
            labels.add(dataset[0]["label"])
        assert labels == {0, 1}

    def test_evaluation_is_the_middle_and_never_changes(self, evaluation, index):
        dataset = evaluation()
        item = dataset[0]
        dataset.set_epoch(5)
        assert torch.equal(item["clip"], dataset[0]["clip"])
        assert [dataset[i]["label"] for i in range(10)] == index.labels.tolist()

    def test_training_without_augmentation_draws_only_the_frames(self, index):
        # The whole frame, in its own colours: the place in time alone is left to be drawn.
        transform = ClipTransform(
            PREPROCESSING,
            index.class_names,
            min_area=1,
            ratio=(1.5, 1.5),
            colors=ColorJitter(0, 0, 0, 0),
        )
        dataset = ClipDataset(index, SAMPLING, transform)
        clips = set()
        for epoch in range(20):
            dataset.set_epoch(epoch)
            clips.add(float(dataset[0]["clip"].sum()))
        assert len(clips) == 5  # places for 4 frames among 8

    @pytest.mark.parametrize("cache", [False, True])
    def test_time_jitter_is_for_training_and_repeats_with_the_epoch(self, index, training, cache):
        # The whole of each video, so that jitter alone is drawn in time.
        sampling = Sampling(4, seconds="whole")
        plain = ClipDataset(index, sampling, PREPROCESSING, cache=cache)
        jittered = ClipDataset(index, sampling, PREPROCESSING, cache=cache, time_jitter=0.5)
        assert torch.equal(plain[0]["clip"], jittered[0]["clip"])
        transform = ClipTransform(
            PREPROCESSING,
            index.class_names,
            min_area=1,
            ratio=(1.5, 1.5),
            colors=ColorJitter(0, 0, 0, 0),
        )
        sampling = Sampling(2, seconds=8 / 25)
        train = ClipDataset(index, sampling, transform, cache=cache, time_jitter=0.5)
        sums = []
        for epoch in (*range(20), 0):
            train.set_epoch(epoch)
            sums.append(float(train[0]["clip"].sum()))
        assert len(set(sums)) > 8  # pairs of frames, where there would be one
        assert sums[-1] == sums[0]

    def test_windows_are_kept_to(self, index):
        whole = ClipDataset(index, SAMPLING, PREPROCESSING)
        starts, ends = np.full(10, 0.4), np.full(10, 0.8)
        windowed = replace(index, starts_s=starts, ends_s=ends)
        part = ClipDataset(windowed, SAMPLING, PREPROCESSING)
        last = ClipDataset(index, Sampling(8), PREPROCESSING)
        assert torch.equal(part[0]["clip"], last[0]["clip"][:, 4:])
        assert not torch.equal(part[0]["clip"], whole[0]["clip"])

    @pytest.mark.parametrize("i", [-1, 10])
    def test_index_outside(self, training, i):
        with pytest.raises(IndexError, match=r"index must lie in 0\.\.9"):
            training()[i]

    def test_refuses_what_does_not_fit(self, index, training):
        transform = ClipTransform(PREPROCESSING, ("right", "left"))
        with pytest.raises(ValueError, match="transform must have the index's class names"):
            ClipDataset(index, SAMPLING, transform)
        with pytest.raises(ValueError, match="seed must be a whole number of at least 0"):
            training(seed=-1)
        with pytest.raises(ValueError, match="epoch must be a whole number of at least 0"):
            training().set_epoch(-1)


class TestLoader:
    def test_workers_change_nothing_in_any_epoch(self, training):
        here, there = training(seed=7), training(seed=7)
        options = {"batch_size": 3, "shuffle": True, "seed": 7}
        loaders = [
            build_loader(here, num_workers=0, **options),
            build_loader(there, num_workers=2, **options),
        ]
        orders = []
        for epoch in (0, 1, 4):
            here.set_epoch(epoch)
            there.set_epoch(epoch)  # reaches workers that are running already
            (clips, labels, order), (clips2, labels2, order2) = map(collect, loaders)
            assert same(clips, clips2)
            assert labels == labels2
            assert order == order2
            orders.append(tuple(order))
        assert len(set(orders)) == 3

    def test_order_depends_on_seed_and_epoch_only(self, training):
        dataset = training()
        first = load(dataset)[2]
        assert sorted(first) == list(range(10))
        torch.manual_seed(99)
        assert load(training())[2] == first
        assert load(dataset, seed=1)[2] != first
        dataset.set_epoch(1)
        assert load(dataset)[2] != first

    @pytest.mark.parametrize("num_workers", [0, 1])
    def test_an_epoch_can_begin_at_any_batch(self, training, num_workers):
        dataset = training()
        options = {"batch_size": 3, "shuffle": True, "seed": 0, "world_size": 2, "rank": 1}
        loader = build_loader(dataset, num_workers=num_workers, **options)
        whole = list(loader)
        assert len(whole) == len(loader) == 2
        loader.sampler.skipped = 3
        (rest,) = loader
        assert len(loader) == 2
        for name, value in whole[1].items():
            assert torch.equal(rest[name], value)

    def test_without_shuffling_everything_comes_once_in_order(self, evaluation):
        loader = build_loader(evaluation(), 4, False, 0, 0)
        assert [len(batch["label"]) for batch in loader] == [4, 4, 2]
        assert collect(loader)[2] == list(range(10))
        assert len(build_loader(evaluation(), 4, False, 0, 0, drop_last=True)) == 2

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"batch_size": 0}, "batch_size must be a whole number of at least 1, got 0"),
            ({"num_workers": -1}, "num_workers must be a whole number of at least 0, got -1"),
            ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ],
    )
    def test_refuses(self, evaluation, options, message):
        with pytest.raises(ValueError, match=message):
            load(evaluation(), **options)

    @pytest.mark.parametrize("num_workers", [0, 1])
    @pytest.mark.parametrize("cache", [False, True])
    def test_a_broken_video_is_named_on_one_line(self, evaluation, index, num_workers, cache):
        index.path(7).write_bytes(b"no video")
        with pytest.raises(VideoError, match=rf"^{index.path(7)}: cannot be read") as caught:
            load(evaluation(cache=cache), num_workers=num_workers)
        assert "\n" not in str(caught.value)


class TestCache:
    def test_evaluation_is_the_same_with_and_without(self, evaluation):
        assert same(load(evaluation(cache=True))[0], load(evaluation())[0])

    def test_workers_share_it_and_change_nothing(self, training):
        assert same(load(training(cache=True), num_workers=2)[0], load(training(cache=True))[0])

    def test_training_draws_the_same_places(self, training):
        cached, labels, _ = load(training(cache=True))
        plain, plain_labels, _ = load(training())
        assert labels == plain_labels
        assert all((cached[i] - plain[i]).abs().mean() < 0.6 for i in plain)

    def test_nothing_is_decoded_a_second_time(self, training, index):
        dataset = training(cache=True)
        first = dataset[0]["clip"]
        for i in range(len(index)):
            index.path(i).unlink()
        assert torch.equal(dataset[0]["clip"], first)
        dataset.set_epoch(1)
        assert dataset[9]["clip"].shape == (3, 4, 16, 16)

    def test_memory(self, training, evaluation):
        for dataset, frames, rows, columns in (
            (training(cache=True), 8, 26, 38),
            (evaluation(cache=True), 4, 18, 27),
        ):
            assert dataset.frame_cache._data.numel() == 10 * frames * rows * columns * 3


def test_importing_the_package_is_cheap():
    code = (
        "import sys, motionlens.clips; print({'torch', 'av', 'kornia', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
