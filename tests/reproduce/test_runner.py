import json
import os

import pytest
import torch

import killed_runs
from motionlens.reproduce.grids import Run
from motionlens.reproduce.results import Figure
from motionlens.reproduce.runner import RUNS, Work, carry_out, opened

ABOUT = {
    "experiment": "none", "measures": "Nothing", "unit": "%", "command": "none", "budget": "small",
    "machine": {"device": "none", "torch": "none"}, "poster": {}, "picture": None, "notes": [],
}  # fmt: skip


def runs(*names):
    return [
        Run(name=name, row=name, choice=name, model=name, options={}, clip={}, looks={})
        for name in names
    ]


def carried_out(out, planned, perform, jobs):
    lines = []
    work = Work(runs=planned, perform=perform, read=lambda run, note: ({}, {"here": Figure(0.5)}))
    with opened(out, {"experiment": "none"}):
        found = carry_out(out, work, ABOUT, jobs=jobs, say=lines.append)
    assert found == json.loads((out / "results.json").read_text())
    return found, lines


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_that_fails_leaves_the_others(tmp_path, jobs):
    found, lines = carried_out(tmp_path, runs("one", "failing", "three"), killed_runs.perform, jobs)
    assert [run.get("error") for run in found["runs"]] == [None, "it fails", None]
    assert (found["planned_runs"], found["finished_runs"]) == (3, 2)
    assert [cell["row"] for cell in found["cells"]] == ["one", "three"]
    assert any(line.endswith("failing, seed 0: failed: it fails") for line in lines)


def test_one_that_ends_its_process_leaves_the_others(tmp_path):
    found, _ = carried_out(tmp_path, runs("one", "killed", "three", "four"), killed_runs.perform, 2)
    errors = {run["name"]: run.get("error") for run in found["runs"]}
    assert errors.pop("killed") == "its process was killed, perhaps for its memory"
    assert errors == {"one": None, "three": None, "four": None}
    paths = [tmp_path / RUNS / name / "reproduced.json" for name in errors]
    notes = [json.loads(path.read_text()) for path in paths]
    assert all(note["process"] != os.getpid() for note in notes)
    assert all(note["threads"] == 1 for note in notes)


def test_with_one_job_no_other_process_is_started(tmp_path):
    carried_out(tmp_path, runs("one", "two"), killed_runs.perform, 1)
    note = json.loads((tmp_path / RUNS / "two" / "reproduced.json").read_text())
    assert note == {"process": os.getpid(), "threads": torch.get_num_threads()}


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
