from dataclasses import replace

import numpy as np
import pytest

from motionlens.datasets.broken_videos import (
    clip_key,
    find_broken,
    load_broken,
    save_broken,
    without_clips,
)
from motionlens.datasets.listing import index_folder


@pytest.fixture
def index(class_folders):
    (class_folders / "left" / "1.mp4").write_text("no video")
    whole = (class_folders / "right" / "2.mp4").read_bytes()
    (class_folders / "right" / "2.mp4").write_bytes(whole[: len(whole) // 3])
    return index_folder(class_folders)


def test_broken_videos_are_found_with_their_reason(index):
    broken = find_broken(index, range(len(index)))
    assert [key[0].rsplit("/", 2)[1:] for key in broken] == [["left", "1.mp4"], ["right", "2.mp4"]]
    assert all(reason and "\n" not in reason for reason in broken.values())
    assert not any(path in reason for (path, _), reason in broken.items())
    assert len(find_broken(index, [0, 1])) == 1


def test_the_list_reads_back_and_leaves_them_out(index, tmp_path):
    broken = find_broken(index, range(len(index)))
    save_broken(tmp_path / "broken.csv", broken)
    assert load_broken(tmp_path / "broken.csv") == broken
    left = without_clips(index, broken)
    assert len(left) == len(index) - 2
    assert left.class_names == index.class_names
    assert not find_broken(left, range(len(left)))
    assert without_clips(index, {}) is index


def test_a_clip_is_left_out_and_not_the_others_of_its_video(index):
    index = index.subset([0, 0])
    index = replace(index, starts_s=np.array([0.0, 99.0]), ends_s=np.array([0.5, 100.0]))
    broken = find_broken(index, [0, 1])
    assert list(broken) == [clip_key(index, 1)]
    assert len(without_clips(index, broken)) == 1


@pytest.mark.parametrize("text", ["", "path,reason\na,b\n"])
def test_a_list_of_another_kind_is_refused(tmp_path, text):
    (tmp_path / "broken.csv").write_text(text or "x\ny\n")
    with pytest.raises(ValueError, match="broken.csv cannot be used: column '.*' is missing"):
        load_broken(tmp_path / "broken.csv")
