import json

import pytest
import torch

from motionlens._utils import distributed
from processes import forked


def test_one_process_needs_no_set_up():
    assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)
    rows = torch.arange(6).view(3, 2)
    with distributed.process_group(torch.device("cpu")):
        assert not torch.distributed.is_initialized()
        assert distributed.gather_rows(rows, 3) is rows
        assert distributed.gather_objects("a") == ["a"]
    assert list(distributed.own_share(3)) == [0, 1, 2]


def test_rows_must_be_as_many_as_items():
    with pytest.raises(RuntimeError, match="process 0 must have 4 of 4 rows, has 3"):
        distributed.gather_rows(torch.zeros(3, 2), 4)


def test_environment_says_which_process_this_is(monkeypatch):
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (5, 8, False)
    assert list(distributed.own_share(20)) == [5, 13]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert distributed.own_device(torch.device("cuda")) == torch.device("cuda", 1)
    assert distributed.own_device(torch.device("cuda", 3)) == torch.device("cuda", 3)
    assert distributed.own_device(torch.device("cpu")) == torch.device("cpu")


def test_half_an_environment_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(ValueError, match="WORLD_SIZE is 2, but RANK, MASTER_ADDR, MASTER_PORT must"),
        distributed.process_group(torch.device("cpu")),
    ):
        pass


SCRIPT = """
import json, sys
from pathlib import Path
import torch
import motionlens
from motionlens._utils.distributed import *

model = motionlens.create_model("cpnet_nano", num_classes=2).eval()
with process_group(torch.device("cpu")):
    model(torch.randn(1, 3, 2, 32, 32))  # imports what only a network needs
    found = {}
    for total in (1, 2, 5):
        mine = [[10 * i, 10 * i + 1] for i in own_share(total)]
        rows = torch.tensor(mine, dtype=torch.int64).view(-1, 2)
        found[total] = gather_rows(rows, total).tolist()
    ranks = gather_objects(rank())
    with open(f"{sys.argv[1]}/{rank()}.json", "w") as file:
        json.dump({"rows": found, "ranks": ranks, "main": is_main()}, file)
assert not torch.distributed.is_initialized()
# The group is gone, not only forgotten: its threads would outlive Python's end, and could abort it.
threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
assert not [name for name in threads if "gloo" in name], threads
"""


@pytest.mark.slow
def test_two_processes_gather_what_both_found(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = forked(script, tmp_path, num_processes=2, module=False)
    assert done.returncode == 0, done.stderr
    for number in (0, 1):
        found = json.loads((tmp_path / f"{number}.json").read_text())
        assert found["ranks"] == [0, 1]
        assert found["main"] == (number == 0)
        for total, rows in found["rows"].items():
            assert rows == [[10 * i, 10 * i + 1] for i in range(int(total))]
