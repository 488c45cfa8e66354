import csv

import numpy as np
import pytest

from motion_videos import write_dataset
from motionlens.datasets.listing import index_folder
from motionlens.inference.embedding import embed_videos


@pytest.fixture
def index(tmp_path):
    return index_folder(write_dataset(tmp_path / "videos", videos_per_class=2))


def embed(recognizer, index, out, **options):
    return embed_videos(recognizer, index, out, num_workers=0, **options)


def test_rows_are_what_embed_gives(recognizer, index, tmp_path):
    seen = []
    files, num_videos = embed(
        recognizer, index, tmp_path / "x.npy", batch_size=4, on_progress=lambda *n: seen.append(n)
    )
    assert {path.name for path in files} == {"x.npy", "x.csv"}
    assert num_videos == 6
    assert seen == [(i, 6) for i in range(7)]
    paths = [str(index.path(i)) for i in range(6)]
    wanted = recognizer.embed(paths).numpy()
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), wanted, rtol=1e-4, atol=1e-6)
    lines = list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))
    assert [line["path"] for line in lines] == paths
    assert [line["label"] for line in lines[::2]] == ["move_left", "move_right", "static"]


def test_features_are_the_mean_over_views(recognizer, index, tmp_path):
    embed(recognizer, index, tmp_path / "x.npy")
    embed(recognizer, index, tmp_path / "y.npy", views="2x10")
    one, many = np.load(tmp_path / "x.npy"), np.load(tmp_path / "y.npy")
    assert one.shape == many.shape
    assert np.abs(one - many).max() > 1e-4


def test_broken_videos_are_told_and_left_out(recognizer, index, tmp_path):
    index.path(2).write_text("no video")
    told = []
    _, num_videos = embed(
        recognizer, index, tmp_path / "x.npy", on_broken=lambda path, _: told.append(path)
    )
    assert (told, num_videos) == ([str(index.path(2))], 5)
    assert np.load(tmp_path / "x.npy").shape == (5, 8)


def test_nothing_is_written_where_all_is_broken_or_fails(recognizer, index, tmp_path):
    (tmp_path / "x.npy").write_text("old")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1, got 0"):
        embed(recognizer, index, tmp_path / "x.npy", batch_size=0)
    for i in range(6):
        index.path(i).write_text("no video")
    assert embed(recognizer, index, tmp_path / "x.npy") == ([], 0)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "x.npy").read_text() == "old"
