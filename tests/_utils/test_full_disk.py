"""Writing where the disk is full: a limit on the size of files stands for it."""

import resource
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from motionlens._utils.csv_files import write_csv
from motionlens._utils.files import write_atomically
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.shard_writing import Encoded, write_shard
from motionlens.training.checkpoint_io import AtomicCheckpointIO

_LIMIT = 20_000


@contextmanager
def small_files():
    """Files of this process end at the limit, inside the block."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_bytes(path):
    write_atomically(path, bytes(2 * _LIMIT))


def write_table(path):
    write_csv(path, [["x" * 100]] * 1000)


def write_checkpoint(path):
    AtomicCheckpointIO().save_checkpoint({"weights": torch.zeros(100, 200)}, path)


def write_pictures(path):
    video = Encoded([bytes(2 * _LIMIT)], 12.0, np.zeros(1))
    write_shard(path, 0, [ListEntry("a.mp4", "a")], [(1, 1)], iter([video]))


@pytest.mark.parametrize("write", [write_bytes, write_table, write_checkpoint, write_pictures])
def test_names_the_file_and_leaves_nothing(tmp_path, write):
    path = tmp_path / "file.tar"
    if write is not write_pictures:
        path.write_bytes(b"before")
    with small_files(), pytest.raises(OSError, match="cannot be written .*; raise") as caught:
        write(path)
    assert caught.value.filename == str(path)
    assert [p.name for p in tmp_path.iterdir()] == (
        ["file.tar"] if write is not write_pictures else []
    )
    if write is not write_pictures:
        assert path.read_bytes() == b"before"


def test_a_folder_that_is_gone_is_named(tmp_path):
    with pytest.raises(OSError, match="its folder has been removed meanwhile"):
        write_atomically(tmp_path / "gone" / "file", b"")
