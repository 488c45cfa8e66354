import random

import pytest
import torch

from motionlens.training.checkpoint_io import AtomicCheckpointIO, check_checkpoint


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    weights = torch.arange(20_000, dtype=torch.float32).reshape(100, 200)
    AtomicCheckpointIO().save_checkpoint({"weights": weights, "epoch": 3}, path)
    return path


def test_is_read_as_any_checkpoint_is(checkpoint):
    check_checkpoint(checkpoint)
    for mmap in (False, True):
        found = torch.load(checkpoint, weights_only=True, mmap=mmap)
        assert found["epoch"] == 3
        assert float(found["weights"].sum()) == sum(range(20_000))


def test_inverted_bytes_are_noticed_wherever_they_are(checkpoint):
    content, rng = checkpoint.read_bytes(), random.Random(0)
    for length in (1, 40):
        for _ in range(40):
            start = rng.randrange(len(content) - 60 - length)
            inverted = bytes(255 - byte for byte in content[start : start + length])
            checkpoint.write_bytes(content[:start] + inverted + content[start + length :])
            with pytest.raises(ValueError, match=r"last.ckpt is damaged: .*--overwrite"):
                check_checkpoint(checkpoint)


@pytest.mark.parametrize("kept", [0, 1, 100, 30_000, 80_000])
def test_a_checkpoint_that_was_cut_is_noticed(checkpoint, kept):
    checkpoint.write_bytes(checkpoint.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"last.ckpt is damaged"):
        check_checkpoint(checkpoint)


def test_checkpoints_of_older_versions_have_no_sum(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "last.ckpt")
    check_checkpoint(tmp_path / "last.ckpt")
