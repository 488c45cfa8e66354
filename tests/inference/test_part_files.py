import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from motionlens.inference import part_files
from motionlens.inference.part_files import check_parts, open_parts

pytestmark = pytest.mark.filterwarnings("error")
COLUMNS = {"value": pa.int64()}


def key(number):
    return f"{number}.mp4", None, None


def fill(folder, numbers, settings=None, errors=()):
    with open_parts(folder, COLUMNS, settings or {"top": 5}) as parts:
        for number in numbers:
            assert key(number) not in parts
            parts.add(key(number), {"error": "no"} if number in errors else {"value": number})
            assert key(number) in parts


def values(folder):
    table = pq.read_table(folder)
    assert table.schema.names == ["path", "start", "end", "value", "error"]
    return dict(zip(table["path"].to_pylist(), table["value"].to_pylist(), strict=True))


def test_files_hold_so_many_rows_and_are_read_as_one(tmp_path, monkeypatch):
    monkeypatch.setattr(part_files, "_ROWS", 4)
    fill(tmp_path / "x", range(10))
    names = sorted(path.name for path in (tmp_path / "x").iterdir())
    assert names == ["_job.json", *(f"part-{n:06}.parquet" for n in range(3))]
    assert values(tmp_path / "x") == {f"{n}.mp4": n for n in range(10)}


def test_a_later_call_knows_what_is_done_and_tries_again_what_failed(tmp_path):
    fill(tmp_path, range(3), errors={1})
    assert values(tmp_path) == {"0.mp4": 0, "1.mp4": None, "2.mp4": 2}
    with open_parts(tmp_path, COLUMNS, {"top": 5}) as parts:
        assert [key(n) in parts for n in range(4)] == [True, False, True, False]
    fill(tmp_path, [1, 3])
    assert values(tmp_path) == {f"{n}.mp4": n for n in range(4)}


def test_rows_that_wait_are_written_when_the_job_ends_in_an_error(tmp_path):
    def job():
        with open_parts(tmp_path, COLUMNS, {}) as parts:
            parts.add(key(1), {"value": 1})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job()
    assert values(tmp_path) == {"1.mp4": 1}


def test_rows_come_in_the_order_that_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(part_files, "_ROWS", 2)
    monkeypatch.setattr(part_files, "_OPEN_TABLES", 1)
    with open_parts(tmp_path, COLUMNS, {}) as parts:
        for number in (5, 2, 0, 3, 4, 1):
            parts.add(key(number), {"value": number})
        parts.flush()
        rows = parts.rows_of(key(n) for n in (0, 1, 2, 3, 4, 5, 0))
        assert [row["value"] for row in rows] == [0, 1, 2, 3, 4, 5, 0]


def test_names_that_are_no_text(tmp_path):
    odd = (os.fsdecode(b"caf\xe9.mp4"), 0.5, None)
    with open_parts(tmp_path, COLUMNS, {}) as parts:
        parts.add(odd, {"value": 1})
    with open_parts(tmp_path, COLUMNS, {}) as parts:
        assert odd in parts
        assert (odd[0], None, None) not in parts


def test_another_job_s_results_are_not_mixed_in(tmp_path):
    fill(tmp_path, [1])
    with pytest.raises(ValueError, match="holds results with top 5, not 3; name another folder"):
        fill(tmp_path, [2], {"top": 3})
    assert values(tmp_path) == {"1.mp4": 1}


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(ValueError, match="this one holds a.txt"):
        check_parts(tmp_path)
    with pytest.raises(ValueError, match="must be a folder for Parquet files, .*a.txt is a file"):
        fill(tmp_path / "a.txt", [1])
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_address_holds_no_results():
    with pytest.raises(ValueError, match="out must be a path of this machine"):
        check_parts("s3://bucket/results")


def test_a_damaged_file_is_named(tmp_path):
    fill(tmp_path, [1])
    part = tmp_path / "part-000000.parquet"
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(ValueError, match="part-000000.parquet cannot be read: .*remove it"):
        fill(tmp_path, [2])
    part.unlink()
    fill(tmp_path, [1, 2])
    assert values(tmp_path) == {"1.mp4": 1, "2.mp4": 2}
