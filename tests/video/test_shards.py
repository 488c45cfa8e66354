import numpy as np
import pytest

from motionlens.video.frames import VideoError
from motionlens.video.limits import Limits
from motionlens.video.shards import ShardReader, ShardTable, is_shard_path, read_table, table_path


@pytest.fixture
def shard(tmp_path):
    """A shard of one video whose second frame is no JPEG, with its table."""
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (12, 8), (50, 50, 50)).save(data, "JPEG")
    content = data.getvalue()
    path = tmp_path / "train-000000.tar"
    path.write_bytes(content + b"no JPEG")
    ShardTable(
        numbers=np.array([7]),
        firsts=np.array([0, 3]),
        offsets=np.array([0, len(content), len(content) + 5]),
        sizes=np.array([len(content), 7, 7]),
        fps=np.array([12.0]),
        broken=np.array([], np.int64),
        errors=np.array([], np.str_),
        stamps=np.array([[1, 1]]),
        num_bytes=np.array([path.stat().st_size]),
    ).save(table_path(path))
    return path


def test_reads_a_frame(shard):
    path = shard / "00000007"
    assert is_shard_path(path)
    with ShardReader(path, Limits()) as reader:
        assert (reader.num_frames, reader.height, reader.width) == (3, 8, 12)
        assert reader.read([0, 0]).data.float().mean() == pytest.approx(50, abs=1)


@pytest.mark.parametrize(("frame", "reason"), [(1, "cannot identify"), (2, "cut short")])
def test_damaged_frames_are_named(shard, frame, reason):
    with (
        ShardReader(shard / "00000007", Limits()) as reader,
        pytest.raises(VideoError, match=reason),
    ):
        reader.read([frame])


@pytest.mark.parametrize("name", ["00000008", "7", "x", "00000006"])
def test_no_such_video(shard, name):
    with pytest.raises(VideoError, match="the shard holds no such video"):
        ShardReader(shard / name, Limits())


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no table"])
def test_damaged_table(shard, content):
    table_path(shard).unlink() if content is None else table_path(shard).write_bytes(content)
    read_table.cache_clear()
    with pytest.raises(VideoError, match="the table of a shard cannot be read"):
        ShardReader(shard / "00000007", Limits())


def test_other_paths_are_no_shards(tmp_path):
    assert not is_shard_path(tmp_path / "x.tar" / "00000001")
    assert not is_shard_path(tmp_path / "x.mp4")


def alter(values, rng):
    """Alter one array of a table as chance will have it."""
    name = rng.choice(sorted(values))
    array = values[name]
    number = rng.integers(7)
    if number == 0:
        values.pop(name)
    elif number == 1:
        values[name] = array[:-1]
    elif number == 2:
        values[name] = np.concatenate([array, array])
    elif number == 3:
        values[name] = array.astype(np.str_)
    elif number == 4:
        values[name] = array.reshape(-1, 1)
    elif number == 5 and array.dtype.kind != "U":
        values[name] = np.full_like(array, rng.choice([-1, 2**62]))
    else:
        values["extra"] = array


def test_altered_tables_are_refused_or_read(shard):
    with np.load(table_path(shard)) as arrays:
        values = dict(arrays)
    whole = table_path(shard).read_bytes()
    rng = np.random.default_rng(0)
    for number in range(300):
        if number % 2:
            altered = {name: v for name, v in values.items() if v.dtype.kind != "U" or number % 4}
            alter(altered, rng)
            np.savez(table_path(shard), **altered)
        else:
            content = bytearray(whole)
            for _ in range(rng.integers(1, 6)):
                content[rng.integers(len(content))] ^= 1 << rng.integers(8)
            table_path(shard).write_bytes(content[: rng.integers(1, len(content) + 1)])
        read_table.cache_clear()
        try:
            with ShardReader(shard / "00000007", Limits()) as reader:
                reader.read(range(reader.num_frames))
        except VideoError:
            pass


def test_a_table_that_expands_is_refused(shard):
    with np.load(table_path(shard)) as arrays:
        values = dict(arrays) | {"times_s": np.zeros(30_000_000)}
    np.savez_compressed(table_path(shard), **values)
    assert table_path(shard).stat().st_size < 500_000
    read_table.cache_clear()
    with pytest.raises(VideoError, match="it is damaged: it expands to 240,"):
        ShardReader(shard / "00000007", Limits())


@pytest.mark.parametrize(
    "times",
    [np.array([0, 0.2, 0.1]), np.array([0, 0.1, 0.2], np.float16), np.array([0, 1, np.nan])],
    ids=["back", "half", "nan"],
)
def test_times_that_are_none(shard, times):
    with np.load(table_path(shard)) as arrays:
        values = dict(arrays) | {"times_s": times}
    np.savez(table_path(shard), **values)
    read_table.cache_clear()
    with pytest.raises(VideoError, match="it is damaged"):
        ShardReader(shard / "00000007", Limits())
