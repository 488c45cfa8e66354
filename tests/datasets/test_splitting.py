import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.datasets.groups import shared_takes, with_groups
from motionlens.datasets.parts import open_evaluated, open_parts
from motionlens.datasets.prepare import prepare
from motionlens.datasets.prepared import load_part
from motionlens.datasets.source import DataSource, ListingConfig
from motionlens.datasets.splitting import fold_numbers, split_index
from motionlens.video.frames import VideoWarning

PEOPLE = ("anna", "ben", "cleo", "dora", "eva")


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def takes(*labels, number=2, people=PEOPLE):
    return [f"{label}/{p}_{i}.mp4" for label in labels for p in people for i in range(number)]


def people_of(index):
    return {str(path).split("/")[-1].split("_")[0] for path in index.paths}


def entries(names):
    return [ListEntry(name, name.split("/")[0]) for name in names]


PATTERN = ListingConfig(group="/([a-z]+)_")


class TestGroups:
    @pytest.mark.parametrize("seed", range(5))
    def test_a_person_is_on_one_side(self, tmp_path, seed):
        listing = ListingConfig(group=PATTERN.group, split_seed=seed)
        data = touch(tmp_path, *takes("a", "b", "c"))
        train, validation = open_parts(DataSource(data=str(data), listing=listing))
        assert len(people_of(validation)) == 1
        assert not people_of(train) & people_of(validation)
        assert validation.counts() == {"a": 2, "b": 2, "c": 2}

    def test_the_seed_decides(self, tmp_path):
        data = touch(tmp_path, *takes("a", "b"))
        found = set()
        for seed in range(8):
            listing = ListingConfig(group=PATTERN.group, split_seed=seed)
            found |= people_of(open_parts(DataSource(data=str(data), listing=listing))[1])
        assert len(found) > 1

    @pytest.mark.parametrize("form", ["csv", "jsonl", "columns"])
    def test_a_column(self, tmp_path, form):
        names = takes("a", "b")
        touch(tmp_path, *names)
        rows = [(n, n[0], n.split("/")[1].split("_")[0]) for n in names]
        listing = ListingConfig(group="person")
        if form == "jsonl":
            text = "".join(
                f'{{"path": "{p}", "label": "{c}", "person": "{g}"}}\n' for p, c, g in rows
            )
        else:
            text = "".join(f"{p},{c},{g}\n" for p, c, g in rows)
        if form == "csv":
            text = "path,label,person\n" + text
        if form == "columns":
            listing = ListingConfig(group="person", columns="path,label,person")
        path = tmp_path / f"l.{'jsonl' if form == 'jsonl' else 'csv'}"
        path.write_text(text)
        train, validation = open_parts(DataSource(data=str(path), listing=listing))
        assert len(people_of(validation)) == 1
        assert not people_of(train) & people_of(validation)

    def test_a_file_of_scenes(self, test_data):
        folder = test_data / "data" / "gestures10"
        listing = ListingConfig(group=str(folder / "scenes.csv"))
        train, validation = open_parts(DataSource(data=str(folder / "train.csv"), listing=listing))
        assert len(train) + len(validation) == 109
        assert not set(train.groups) & set(validation.groups)
        assert train.is_labelled
        assert all(validation.counts().values())

    @pytest.mark.parametrize("grouped", [True, False])
    def test_every_class_of_two_groups_validates(self, grouped):
        # A video without an action may be drawn as well, but not instead.
        rows = [("v0", "left"), ("v0", "right"), ("v1", "right"), ("v1", "left"), ("v3", "")]
        index = VideoIndex.of(
            Path(),
            [ListEntry(f"{v}.mp4", label, 3.0, 5.0, v if grouped else "") for v, label in rows],
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parts = split_index(index, ListingConfig(background="background"))
        assert [part.counts() for part in parts] == [{"left": 1, "right": 1}] * 2

    def test_every_class_keeps_training_videos(self):
        # b is of one group alone, which must not validate.
        index = VideoIndex.of(
            Path(),
            [ListEntry(f"{i}.mp4", label, group=g) for i, (label, g) in enumerate(
                [("a", "x"), ("a", "y"), ("a", "z"), ("b", "x"), ("b", "x")])],
        )  # fmt: skip
        with pytest.warns(VideoWarning, match="not validated, as one group has them .*: b"):
            train, _ = split_index(index, ListingConfig())
        assert train.counts()["b"] == 2

    @pytest.mark.parametrize(
        ("group", "message"),
        [
            ("person", "has no such column; give a pattern with brackets"),
            (
                "(anna)_",
                "must give every video a group, it gives 8 of 10 none, the first is a/ben_0",
            ),
            ("(anna", "must be a regular expression"),
            ("(" * 10_000, r"must be a regular expression, got \({99}: "),
        ],
    )
    def test_refuses(self, group, message):
        index = VideoIndex.of(Path(), entries(takes("a")))
        with pytest.raises(ValueError, match=message):
            with_groups(index, group)

    def test_a_list_without_the_column(self, tmp_path):
        (tmp_path / "l.csv").write_text("path,label\n1.mp4,a\n")
        listing = ListingConfig(group="person")
        with pytest.raises(ValueError, match="has no column person, and there is no file"):
            open_parts(DataSource(data=str(tmp_path / "l.csv"), listing=listing))

    def test_preparing_keeps_them(self, tmp_path):
        touch(tmp_path, *takes("a", "b"))
        prepare("folder", tmp_path, check="none", group=PATTERN.group)
        train, validation = (load_part(tmp_path / "prepared", p) for p in ("train", "validation"))
        assert set(train.groups) | set(validation.groups) == set(PEOPLE)
        assert not set(train.groups) & set(validation.groups)

    def test_parts_that_share_a_group(self, tmp_path):
        touch(
            tmp_path, *(f"{p}/{n}" for p in ("train", "val") for n in takes("a", "b")[p == "val" :])
        )
        source = DataSource(data=str(tmp_path), listing=PATTERN)
        with pytest.warns(
            VideoWarning,
            match="19 of 19 validation videos are of groups .* as well, such as anna; figures",
        ):
            open_parts(source)

    @pytest.mark.parametrize("group", ["person", "(anna|ben|cleo|dora|eva)_", "people.csv"])
    @pytest.mark.parametrize("folds", [{}, {"folds": 3, "fold": 1}])
    def test_other_data_to_evaluate_on_need_no_group(self, tmp_path, monkeypatch, group, folds):
        monkeypatch.chdir(tmp_path)
        names = takes("a", "b")
        touch(tmp_path, *names, *takes("other/a", "other/b", people=("x", "y")))
        rows = [f"{n},{n[0]},{n.split('/')[1].split('_')[0]}\n" for n in names]
        Path("train.csv").write_text("path,label,person\n" + "".join(rows))
        Path("people.csv").write_text(
            "path,person\n" + "".join("{0},{2}".format(*row.split(",")) for row in rows)
        )
        Path("other.csv").write_text("path,label\nother/a/x_0.mp4,a\nother/b/y_0.mp4,b\n")
        listing = ListingConfig(group=group, **folds)
        source = DataSource(data="train.csv", listing=listing)
        assert len(open_evaluated(source, "other.csv", None, None)) == 2
        assert len(open_evaluated(source, "other.csv", "all", None)) == 2
        assert len(open_evaluated(source, "other", None, replace(listing, fps=25.0))) == 8
        # Its own data are divided as it was trained on them.
        validation = open_parts(source)[1]
        assert (
            open_evaluated(source, "train.csv", None, None).paths.tolist()
            == validation.paths.tolist()
        )
        assert len(open_evaluated(source, "train.csv", "all", None)) == len(names)

    def test_groups_of_either_unicode_form_are_one(self, tmp_path):
        names = takes("a", "b", people=("zo\u00e9", "zoe\u0301", "ben"))
        touch(tmp_path, *names)
        known = with_groups(VideoIndex.of(tmp_path, entries(names)), "/([^/_]+)_")
        assert set(known.groups) == {"zo\u00e9", "ben"}
        rows = "".join(f"{name},{name.split('/')[1].split('_')[0]}\n" for name in names)
        (tmp_path / "people.csv").write_text(f"path,person\n{rows}")
        found = with_groups(VideoIndex.of(tmp_path, entries(names)), str(tmp_path / "people.csv"))
        assert set(found.groups) == {"zo\u00e9", "ben"}

    def test_look_alikes(self, tmp_path):
        names = takes("a", "b", people=("Anna", "anna", "ben"))
        touch(tmp_path, *names)
        source = DataSource(data=str(tmp_path), listing=ListingConfig(group="/([A-Za-z]+)_"))
        with pytest.warns(VideoWarning, match="groups '[Aa]nna' and '[Aa]nna' look alike"):
            open_parts(source)
        with pytest.warns(VideoWarning, match="groups '[Aa]nna' and '[Aa]nna' look alike"):
            prepare("folder", tmp_path, check="none", group="/([A-Za-z]+)_")


class TestTakes:
    @pytest.mark.parametrize(
        ("train", "validation"),
        [
            (["a/anna_1.mp4", "a/anna_2.mp4", "a/ben_1.mp4", "a/ben_2.mp4"], "a/anna_3.mp4"),
            (["a/v_g01_c01.avi", "a/v_g01_c02.avi", "a/v_g02_c01.avi", "a/v_g02_c02.avi"],
             "a/v_g02_c03.avi"),
            (["a/walk.mp4"], "a/walk (1).mp4"),
            (["a/walk_copy.mp4"], "a/walk.mp4"),
            (["a/3.mp4"], "a/3.avi"),
            (["a/3_flipped.mp4"], "a/3.mp4"),
        ],
    )  # fmt: skip
    def test_seen(self, train, validation):
        pairs = shared_takes(entries(train), entries([validation]))
        assert [pair[1] for pair in pairs] == [validation]

    @pytest.mark.parametrize(
        ("train", "validation"),
        [
            (["a/1.mp4", "a/2.mp4", "b/1.mp4"], "a/3.mp4"),
            (["a/left_1.mp4", "a/left_2.mp4"], "a/left_3.mp4"),
            (["a/anna_1.mp4", "a/anna_2.mp4", "a/ben_1.mp4", "a/ben_2.mp4"], "a/cleo_1.mp4"),
            (["a/1.mp4"], "a/1.mp4"),
        ],
    )
    def test_not_seen(self, train, validation):
        assert not shared_takes(entries(train), entries([validation]))

    def test_clips_of_one_video(self):
        one, other = ListEntry("v.mp4", "a", 0, 1), ListEntry("v.mp4", "a", 1, 2)
        assert shared_takes([one], [other]) == [("v.mp4", "v.mp4")]

    def test_a_random_split_says_so(self, tmp_path):
        source = DataSource(data=str(touch(tmp_path, *takes("a", "b", number=4))))
        with pytest.warns(VideoWarning, match=r"8 of 8 validation videos look like further takes"):
            open_parts(source)


class TestFolds:
    def test_each_video_validates_once_and_groups_stay_whole(self, tmp_path):
        touch(tmp_path, *takes("a", "b", "c", people=[*PEOPLE, "finn", "gus"]))
        validated, everything = [], 0
        for fold in range(1, 4):
            listing = ListingConfig(group=PATTERN.group, folds=3, fold=fold)
            train, validation = open_parts(DataSource(data=str(tmp_path), listing=listing))
            assert not people_of(train) & people_of(validation)
            assert len(people_of(validation)) in (2, 3)
            everything = len(train) + len(validation)
            validated += validation.paths.tolist()
        assert len(validated) == len(set(validated)) == everything == 42

    def test_without_groups_every_class_is_divided(self):
        names = [f"{label}/{i}.mp4" for label in "abc" for i in range(10)]
        index = VideoIndex.of(Path(), entries(names))
        numbers = fold_numbers(index, ListingConfig(folds=5))
        for label in range(3):
            assert np.bincount(numbers[index.labels == label]).tolist() == [2] * 5
        assert (numbers == fold_numbers(index, ListingConfig(folds=5))).all()
        assert (numbers != fold_numbers(index, ListingConfig(folds=5, split_seed=1))).any()

    def test_parts_are_joined(self, tmp_path):
        touch(tmp_path, *(f"{part}/{c}/{i}.mp4" for part in ("train", "val") for c in "ab"
                          for i in range(4)))  # fmt: skip
        source = DataSource(data=str(tmp_path), listing=ListingConfig(folds=4, fold=2))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            train, validation = open_parts(source)
        assert (len(train), validation.counts()) == (12, {"a": 2, "b": 2})

    def test_too_many(self):
        index = VideoIndex.of(Path(), entries(["a/1.mp4", "b/1.mp4"]))
        with pytest.raises(
            ValueError, match="folds must be at most the number of videos, got 3 of 2"
        ):
            fold_numbers(index, ListingConfig(folds=3))

    @pytest.mark.parametrize("values", [{"fold": 1}, {"folds": 1}, {"folds": 3, "fold": 4}])
    def test_refuses(self, values):
        with pytest.raises(ValueError, match=r"listing.fold"):
            ListingConfig(**values)


def test_few_videos_of_each_class_train_and_all_validate(tmp_path):
    for part in ("train", "validation"):
        touch(tmp_path / part, *takes("a", "b"), "c/anna_0.mp4")
    parts = [
        open_parts(DataSource(data=str(tmp_path), listing=ListingConfig(per_class=number)))
        for number in (None, 4, 2)
    ]
    whole, four, two = (set(train.paths) for train, _ in parts)
    assert [train.counts() for train, _ in parts] == [
        {"a": 10, "b": 10, "c": 1},
        {"a": 4, "b": 4, "c": 1},
        {"a": 2, "b": 2, "c": 1},
    ]
    assert two < four < whole
    assert len({len(validation) for _, validation in parts}) == 1
    other = ListingConfig(per_class=4, split_seed=1)
    assert set(open_parts(DataSource(data=str(tmp_path), listing=other))[0].paths) != four
    with pytest.raises(ValueError, match="per_class must be at least 1"):
        ListingConfig(per_class=0)


def test_an_expression_that_tries_for_ever_is_stopped(monkeypatch):
    monkeypatch.setattr("motionlens.datasets.groups._MOST_SECONDS", 0.2)
    index = VideoIndex.of("x", [ListEntry(f"a/{'a' * 40}.mp4", "a")])
    with pytest.raises(ValueError, match=r"the groups of 1 paths within 0.2 s, \(\(a\|a\)\*\)\*z"):
        with_groups(index, "((a|a)*)*z")
    assert with_groups(index, "(a+)").groups.tolist() == ["a"]
