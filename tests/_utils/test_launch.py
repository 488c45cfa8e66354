import os

import pytest

from motionlens._utils.launch import Launch, is_first_process, launched, restored_environment

TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "RANK": "3", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
SLURM = {"SLURM_NTASKS": "8", "SLURM_NNODES": "2", "SLURM_PROCID": "0", "SLURM_STEP_ID": "0"}


@pytest.mark.parametrize(
    ("environment", "expected", "main"),
    [
        ({}, None, True),
        (TORCHRUN, Launch(rank=3, devices=2, num_nodes=2), False),
        (TORCHRUN | {"RANK": "0"}, Launch(rank=0, devices=2, num_nodes=2), True),
        (TORCHRUN | {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}, None, True),
        (SLURM, Launch(rank=0, devices=4, num_nodes=2), True),
        (SLURM | {"SLURM_PROCID": "5"}, Launch(rank=5, devices=4, num_nodes=2), False),
        (SLURM | {"SLURM_JOB_NAME": "bash"}, None, True),
        ({"SLURM_NTASKS": "8"}, None, True),  # a batch script outside srun
        ({"LOCAL_RANK": "1", "NODE_RANK": "0", "WORLD_SIZE": "2"}, None, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, None, False),
    ],
)
def test_what_the_environment_tells(environment, expected, main):
    assert launched(environment) == expected
    assert is_first_process(environment) is main


def test_machines_with_different_numbers_of_processes_are_refused():
    with pytest.raises(ValueError, match="as many processes, got 5 in all and 2 on this one"):
        launched(TORCHRUN | {"WORLD_SIZE": "5"})


def test_what_a_launcher_leaves_behind_is_removed(monkeypatch):
    monkeypatch.setenv("NODE_RANK", "7")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with restored_environment():
        os.environ["NODE_RANK"] = "0"
        os.environ["WORLD_SIZE"] = "2"
    assert os.environ["NODE_RANK"] == "7"
    assert "WORLD_SIZE" not in os.environ
