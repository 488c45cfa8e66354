import pytest

from mini_datasets import write_mini
from motionlens.datasets.catalog.names import CATALOG
from motionlens.video.frames import VideoWarning

SHOWN = {"left", "right", "still", "down"}


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


class TestFolder:
    def test_parts(self, tmp_path):
        copy = CATALOG["folder"].read(write_mini("folder", tmp_path))
        assert [len(copy.parts[part]) for part in ("train", "validation", "test")] == [12, 4, 4]
        assert set(copy.class_names) == SHOWN
        assert {entry.label for entry in copy.parts["test"]} == SHOWN
        assert all((tmp_path / e.path).is_file() for part in copy.parts.values() for e in part)

    def test_test_part_without_classes(self, tmp_path):
        touch(tmp_path, *(f"{p}/{c}/{i}.mp4" for p in ("train", "val") for c in "ab" for i in "12"))
        touch(tmp_path, "test/1.mp4", "test/other/2.mp4", "test/a/3.mp4")
        copy = CATALOG["folder"].read(tmp_path)
        assert [(e.path, e.label) for e in copy.parts["test"]] == [
            ("test/1.mp4", ""),
            ("test/a/3.mp4", "a"),
            ("test/other/2.mp4", ""),
        ]

    def test_a_part_is_drawn(self, tmp_path):
        touch(tmp_path, *(f"{label}/{i}.mp4" for label in "ab" for i in range(10)))

        def drawn(**options):
            copy = CATALOG["folder"].read(tmp_path, validation_fraction=0.3, **options)
            return {entry.path for entry in copy.parts["validation"]}

        copy = CATALOG["folder"].read(tmp_path, validation_fraction=0.3)
        assert [len(copy.parts[part]) for part in ("train", "validation")] == [14, 6]
        assert copy.notes == ("30 % of each class was drawn for the validation part.",)
        assert drawn() == drawn(split_seed=0) != drawn(split_seed=1)

    def test_what_was_prepared_inside_is_no_class(self, tmp_path, recwarn):
        touch(tmp_path, *(f"{label}/{i}.mp4" for label in "ab" for i in range(2)))
        touch(tmp_path, "prepared/train.csv")
        assert CATALOG["folder"].read(tmp_path).class_names == ("a", "b")
        assert not recwarn.list
        touch(tmp_path, "empty/train.csv")
        with pytest.warns(VideoWarning, match="not taken for classes: empty"):
            CATALOG["folder"].read(tmp_path)


class TestList:
    def test_parts_and_several_labels(self, tmp_path):
        copy = CATALOG["list"].read(write_mini("list", tmp_path))
        assert [len(copy.parts[part]) for part in ("train", "validation", "test")] == [12, 4, 4]
        assert set(copy.class_names) == SHOWN
        assert copy.parts["train"][0].label == "left|still"
        assert copy.parts["test"][0].label == ""

    def test_one_file_is_divided(self, tmp_path):
        lines = [f"{i},{label}|c,{i},{i + 1}\n" for i in range(10) for label in "ab"]
        (tmp_path / "all.csv").write_text("".join(lines))
        copy = CATALOG["list"].read(tmp_path / "all.csv", pattern="v/{}.mp4")
        assert [len(copy.parts[part]) for part in ("train", "validation")] == [16, 4]
        everything = {e for part in copy.parts.values() for e in part}
        assert {(e.path, e.label, e.start_s) for e in everything} == {
            (f"v/{i}.mp4", f"{label}|c", i) for i in range(10) for label in "ab"
        }

    def test_other_names_and_places(self, tmp_path):
        touch(tmp_path, "lists/x", "elsewhere/x")
        for name in ("train", "val"):
            (tmp_path / "lists" / f"{name}.txt").write_text("1.mp4 left\n2.mp4 right\n")
        copy = CATALOG["list"].read(
            tmp_path, separator=" ", video_root=str(tmp_path / "elsewhere"), fps=25.0
        )
        assert copy.parts["validation"][0].path == "elsewhere/1.mp4"
        assert copy.fps == 25.0
        inside = CATALOG["list"].read(tmp_path, separator=" ")
        assert inside.parts["train"][0].path == "lists/1.mp4"
        outside = CATALOG["list"].read(tmp_path, separator=" ", video_root="/other")
        assert outside.parts["train"][0].path == "/other/1.mp4"

    def test_training_videos_must_have_a_class(self, tmp_path):
        for name in ("train", "validation"):
            (tmp_path / f"{name}.csv").write_text("1.mp4,left\n2.mp4,\n")
        with pytest.raises(ValueError, match="line 2 must have a label"):
            CATALOG["list"].read(tmp_path)

    def test_missing_list(self, tmp_path):
        (tmp_path / "train.csv").write_text("1.mp4,left\n")
        with pytest.raises(ValueError, match="must hold the list of the validation part, looked"):
            CATALOG["list"].read(tmp_path)

    def test_pattern_without_a_place(self, tmp_path):
        write_mini("list", tmp_path)
        with pytest.raises(ValueError, match=r"pattern must hold \{\} once, got 'x'"):
            CATALOG["list"].read(tmp_path, pattern="x")
