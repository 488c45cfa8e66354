"""Runs of no experiment, which worker processes can import."""

import json
import os

import torch


def perform(run, folder):
    """Leave a note of the process in the run's folder; by its name, fail or kill the process."""
    if run.name == "failing":
        raise ValueError("it fails")
    if run.name == "killed":
        os._exit(3)
    note = {"process": os.getpid(), "threads": torch.get_num_threads()}
    (folder / run.name).mkdir()
    (folder / run.name / "reproduced.json").write_text(json.dumps(note))
