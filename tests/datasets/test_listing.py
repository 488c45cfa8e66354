import warnings

import pytest
from PIL import Image

from motionlens.datasets.listing import index_folder, index_list, load_split
from motionlens.datasets.source import ListingConfig
from motionlens.datasets.splitting import split_index
from motionlens.video.frames import VideoWarning


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def clips(*classes, count=5):
    return [f"{name}/{i}.mp4" for name in classes for i in range(count)]


class TestFolder:
    def test_class_folders(self, tmp_path):
        root = touch(tmp_path, "b/2.mp4", "b/1.avi", "a/sub/x.webm", "a/notes.txt", ".git/x.mp4")
        index = index_folder(root)
        assert index.paths.tolist() == ["a/sub/x.webm", "b/1.avi", "b/2.mp4"]
        assert index.class_names == ("a", "b")
        assert index.labels.tolist() == [0, 1, 1]
        assert index.path(0).exists()

    def test_frame_folders(self, tmp_path):
        for name in ("a/clip1", "a/clip2", "b/clip1"):
            (tmp_path / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(tmp_path / name / "00001.jpg")
        index = index_folder(tmp_path)
        assert index.paths.tolist() == ["a/clip1", "a/clip2", "b/clip1"]

    def test_folders_without_videos_are_no_classes(self, tmp_path):
        touch(tmp_path, *clips("a", "b"), "docs/readme.txt")
        with pytest.warns(VideoWarning, match="folders without videos .* classes: docs"):
            assert index_folder(tmp_path).class_names == ("a", "b")

    def test_missing_folder(self, tmp_path):
        with pytest.raises(ValueError, match="must be a folder, it is missing"):
            index_folder(tmp_path / "gone")
        with pytest.raises(ValueError, match="must be a folder, it is a file"):
            index_folder(touch(tmp_path, "x") / "x")

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            (["x.txt"], "holds no videos; put the videos of each class into a folder"),
            (["a.mp4", "b.mp4"], "holds videos or pictures, but no class folders"),
            (["1.jpg"], "holds videos or pictures, but no class folders"),
            (["a/1.jpg", "b/x.mp4"], "a: holds pictures, but a class folder must hold videos"),
            (["train/a/1.mp4", "val/a/1.mp4"], "it holds the parts train and val"),
        ],
    )
    def test_refuses(self, tmp_path, names, message):
        with pytest.raises(ValueError, match=message) as caught:
            index_folder(touch(tmp_path, *names))
        assert "\n" not in str(caught.value)


class TestList:
    def test_pattern_and_default_root(self, tmp_path):
        touch(tmp_path, "videos/1.mp4", "videos/2.mp4")
        (tmp_path / "train.csv").write_text("1;b\n2;a\n")
        index = index_list(tmp_path / "train.csv", ListingConfig(pattern="videos/{}.mp4"))
        assert index.paths.tolist() == ["videos/1.mp4", "videos/2.mp4"]
        assert [index.path(i).exists() for i in range(2)] == [True, True]
        assert index.counts() == {"a": 1, "b": 1}

    def test_root_and_absolute_paths(self, tmp_path):
        touch(tmp_path, "data/1.mp4", "other/2.mp4", "lists/x")
        path = tmp_path / "lists" / "l.csv"
        path.write_text(f"1.mp4,a\n{tmp_path}/other/2.mp4,b\n")
        index = index_list(path, ListingConfig(root=str(tmp_path / "data")))
        assert all(index.path(i).exists() for i in range(2))

    def test_json_lines_and_windows(self, tmp_path):
        touch(tmp_path, "1.mp4")
        path = tmp_path / "l.jsonl"
        path.write_text('{"path": "1.mp4", "label": "a", "start": 1, "end": 2.5}\n')
        assert index_list(path).window(0) == (1.0, 2.5)

    def test_missing_videos_are_counted_and_three_named(self, tmp_path):
        touch(tmp_path, "1.mp4")
        path = tmp_path / "l.csv"
        path.write_text("".join(f"{i}.mp4,a\n" for i in range(1, 7)))
        with pytest.raises(
            ValueError, match=r"5 of 6 videos are missing in .*: 2\.mp4, 3\.mp4, "
        ) as e:
            index_list(path)
        assert str(e.value).endswith("4.mp4 and 2 more; check root and pattern")

    @pytest.mark.parametrize("pattern", ["videos/.mp4", "{}/{}.mp4"])
    def test_pattern_without_a_place(self, tmp_path, pattern):
        with pytest.raises(ValueError, match=r"pattern must hold \{\} once"):
            index_list(tmp_path / "l.csv", ListingConfig(pattern=pattern))

    def test_real_lists(self, test_data):
        folder = test_data / "data" / "realmotion7"
        listing = ListingConfig(pattern="videos/{}.mp4")
        train, validation, everything = (
            index_list(folder / f"{name}.csv", listing)
            for name in ("train", "validation", "sources")
        )
        assert (len(train), len(validation)) == (140, 49)
        assert set(train.counts().values()) == {20}
        assert set(validation.counts().values()) == {7}
        assert list(train.class_names) == sorted((folder / "labels.csv").read_text().split())
        assert validation.class_names == train.class_names
        assert set(train.paths) | set(validation.paths) == set(everything.paths)


class TestSplit:
    @pytest.mark.parametrize("name", ["val", "validation", "valid"])
    def test_parts_that_are_there(self, tmp_path, name):
        touch(tmp_path / "train", *clips("a", "b"))
        touch(tmp_path / name, *clips("a", "b", count=2))
        touch(tmp_path / "test", *clips("a", "b", count=1))
        train, validation = load_split(tmp_path)
        assert (len(train), len(validation)) == (10, 4)
        assert train.class_names == validation.class_names == ("a", "b")
        assert validation.path(0).exists()

    def test_parts_must_have_the_same_classes(self, tmp_path):
        touch(tmp_path / "train", *clips("a", "b", "c"))
        touch(tmp_path / "val", *clips("a", "d"))
        with pytest.raises(ValueError, match="only in train: b, c; only in val: d"):
            load_split(tmp_path)

    def test_two_validation_folders(self, tmp_path):
        for part in ("train", "val", "validation"):
            touch(tmp_path / part, *clips("a", "b"))
        with pytest.raises(ValueError, match="one validation folder, it has validation and val"):
            load_split(tmp_path)

    def test_drawn_from_class_folders(self, tmp_path):
        touch(tmp_path, *clips("a", "b", count=10))
        train, validation = load_split(
            tmp_path, ListingConfig(validation_fraction=0.3, split_seed=1)
        )
        assert train.counts() == {"a": 7, "b": 7}
        assert validation.counts() == {"a": 3, "b": 3}
        assert set(train.paths) | set(validation.paths) == set(clips("a", "b", count=10))
        assert not set(train.paths) & set(validation.paths)

    def test_drawn_from_a_list(self, tmp_path):
        touch(tmp_path / "v", *clips("a", "b"))
        path = tmp_path / "l.csv"
        path.write_text("".join(f"{name[:-4]};{name[0]}\n" for name in clips("a", "b")))
        train, validation = load_split(
            path, ListingConfig(root=str(tmp_path / "v"), pattern="{}.mp4")
        )
        assert (len(train), len(validation)) == (8, 2)

    def test_seed_decides(self, tmp_path):
        index = index_folder(touch(tmp_path, *clips("a", "b", count=20)))
        drawn = [
            set(split_index(index, ListingConfig(split_seed=seed))[1].paths) for seed in (0, 0, 1)
        ]
        assert drawn[0] == drawn[1] != drawn[2]

    def test_another_class_changes_nothing_for_the_others(self, tmp_path):
        two = split_index(index_folder(touch(tmp_path, *clips("a", "c"))), ListingConfig())[1]
        three = split_index(index_folder(touch(tmp_path, *clips("b"))), ListingConfig())[1]
        assert set(two.paths) <= set(three.paths)

    def test_every_class_keeps_a_video_on_either_side(self, tmp_path):
        index = index_folder(touch(tmp_path, *clips("a", "b", count=2)))
        for fraction in (0.01, 0.99):
            for part in split_index(index, ListingConfig(validation_fraction=fraction)):
                assert part.counts() == {"a": 1, "b": 1}

    def test_a_single_video_trains_with_a_warning(self, tmp_path):
        touch(tmp_path, *clips("a"), "lonely/1.mp4")
        with pytest.warns(VideoWarning, match="one video only, .* not validated: lonely"):
            train, validation = load_split(tmp_path)
        assert train.counts()["lonely"] == 1
        assert validation.counts() == {"a": 1, "lonely": 0}

    def test_single_videos_only(self, tmp_path):
        with pytest.raises(ValueError, match="no class has two videos"):
            load_split(touch(tmp_path, *clips("a", "b", count=1)))

    def test_one_class_only(self, tmp_path):
        with pytest.raises(ValueError, match=r"at least two classes .* got only 'videos'"):
            load_split(touch(tmp_path, *clips("videos")))

    @pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0])
    def test_refuses_other_fractions(self, tmp_path, fraction):
        touch(tmp_path, *clips("a", "b"))
        with pytest.raises(ValueError, match="fraction must be above 0 and below 1"):
            split_index(index_folder(tmp_path), ListingConfig(validation_fraction=fraction))

    def test_refuses_other_seeds(self, tmp_path):
        touch(tmp_path, *clips("a", "b"))
        with pytest.raises(ValueError, match="seed must be a whole number of at least 0"):
            load_split(tmp_path, ListingConfig(split_seed=-1))

    def test_no_warning_without_reason(self, tmp_path):
        touch(tmp_path, *clips("a", "b"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            load_split(tmp_path)


def test_a_class_folder_with_the_sign_between_labels(tmp_path):
    (tmp_path / "a|b").mkdir()
    with pytest.raises(ValueError, match="a class name must not hold |, which stands between"):
        index_folder(tmp_path)


def test_names_that_are_too_long_are_missing(tmp_path):
    path = tmp_path / "a.csv"
    # The last would name pictures of the folder.
    names = ("x" * 5000, "y" * 300, "[" * 100_000, "z" * 900 + "*")
    path.write_text("".join(f"{name},left\n" for name in names))
    with pytest.raises(ValueError, match="3 of 4 videos are missing"):
        index_list(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '[{"path": ' + "9" * 5000 + "}]"])
def test_json_that_no_parser_takes(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"a\.json: must be JSON, it is not"):
        index_list(path)


def test_a_class_name_that_no_terminal_shows_is_refused_with_its_list(tmp_path):
    touch(tmp_path, "a.mp4")
    path = tmp_path / "a.csv"
    path.write_text("a.mp4,le\x1b[2Jft\n")
    with pytest.raises(ValueError, match=r"a\.csv: class_names must hold no"):
        index_list(path)
