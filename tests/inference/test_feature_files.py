import csv
import sys
import tracemalloc
import weakref

import numpy as np
import pytest

import motionlens.inference.feature_files
from motionlens.inference.feature_files import FeatureRow, check_suffix, write_features

VALUES = np.random.default_rng(0).normal(size=(25, 7)).astype(np.float32)


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch):
    monkeypatch.setattr(motionlens.inference.feature_files, "_GROUP_ROWS", 4)


def row(i):
    times = (None, None) if i % 2 else (i / 8, None)
    return FeatureRow(f"videos/{i}.mp4", "a|b" if i == 3 else None, *times, VALUES[i])


def rows(number):
    return (row(i) for i in range(number))


def rows_that_fail(number):
    yield from rows(number)
    raise OSError("no more")


@pytest.mark.parametrize("number", [1, 4, 25])
def test_array_and_list(tmp_path, number):
    files = write_features(tmp_path / "x.npy", rows(number))
    assert files == [tmp_path / "x.csv", tmp_path / "x.npy"]
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), VALUES[:number])
    assert np.load(tmp_path / "x.npy", mmap_mode="r").shape == (number, 7)
    lines = list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))
    assert [int(line["row"]) for line in lines] == list(range(number))
    assert lines[0] == {"row": "0", "path": "videos/0.mp4", "label": "", "start": "0.0", "end": ""}
    if number > 3:
        assert lines[3]["label"] == "a|b"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["x.npy", "x.parquet"])
def test_memory_holds_two_groups_at_most(tmp_path, name):
    pytest.importorskip("pyarrow")
    made, most = [], []

    def watched():
        for i in range(23):
            values = VALUES[i].copy()
            made.append(weakref.ref(values))
            yield row(i)._replace(values=values)
            del values
            most.append(sum(ref() is not None for ref in made))

    write_features(tmp_path / name, watched())
    assert max(most) <= 8  # a group of 4 that has been written, and the next


def test_an_array_is_written_row_by_row(tmp_path):
    number = 200
    values = np.ones(100_000, np.float32)
    same = FeatureRow("a.mp4", None, None, None, values)
    tracemalloc.start()
    write_features(tmp_path / "x.npy", (same for _ in range(number)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < number * values.nbytes / 20
    assert np.load(tmp_path / "x.npy", mmap_mode="r").shape == (number, 100_000)


def test_what_was_there_stays_until_all_is_written(tmp_path):
    for name in ("x.npy", "x.csv"):
        (tmp_path / name).write_text("old")
    with pytest.raises(OSError, match="no more"):
        write_features(tmp_path / "x.npy", rows_that_fail(9))
    assert write_features(tmp_path / "x.npy", rows(0)) == []
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "x.npy": "old",
        "x.csv": "old",
    }
    write_features(tmp_path / "x.npy", rows(9))
    assert np.load(tmp_path / "x.npy").shape == (9, 7)


def test_parquet(tmp_path, read_parquet):
    assert write_features(tmp_path / "x.parquet", rows(25)) == [tmp_path / "x.parquet"]
    table = read_parquet(tmp_path / "x.parquet")
    assert table.column_names == ["path", "label", "start", "end", "features"]
    np.testing.assert_array_equal(np.stack(table["features"].to_numpy()), VALUES)
    assert table["label"].to_pylist()[2:5] == [None, "a|b", None]
    assert table["start"].to_pylist()[:3] == [0.0, None, 0.25]
    with pytest.raises(OSError, match="no more"):
        write_features(tmp_path / "y.parquet", rows_that_fail(5))
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


def test_other_forms_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"out must end in \.npy or \.parquet, got x\.csv"):
        check_suffix("x.csv")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pyarrow is needed .*'\.\[parquet\]'"):
        check_suffix("x.parquet")
