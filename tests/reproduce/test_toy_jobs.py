import json

import pytest
import torch


@pytest.mark.slow
def test_other_processes_train_the_same(tmp_path, motionlens_command):
    """What is found does not depend on how many are trained at a time."""
    threads = torch.get_num_threads()
    found = []
    for jobs in (1, 2):
        out = tmp_path / str(jobs)
        options = ["--models", "tsm", "--canvas", "box", "--seeds", 2, "--jobs", jobs]
        torch.set_num_threads(1)
        try:
            assert motionlens_command("reproduce", "toy", "--out", out, *options)[0] == 0
        finally:
            torch.set_num_threads(threads)
        found.append(json.loads((out / "results.json").read_text())["runs"])
    for one, other in zip(*found, strict=True):
        assert one["validation"][-1] > 0.5
        one["seconds"] = other["seconds"]
        assert one == other
