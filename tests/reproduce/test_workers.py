import multiprocessing
import os
import subprocess
import sys
import time

import pytest
import torch

from motionlens.reproduce import toy_jobs
from motionlens.reproduce.workers import worker_pool

ORPHANS = """
import os, signal, time
from motionlens.reproduce.workers import worker_pool

with worker_pool(1) as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def is_alive(pid):
    """Whether there is such a process, one that waits to be buried left out."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_is_another_process_with_one_thread():
    with worker_pool(2) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        assert pool.submit(torch.get_num_threads).result() == 1


def test_what_is_under_way_is_given_up():
    def interrupted():
        with worker_pool(1) as pool:
            pool.submit(os.getpid).result()
            pool.submit(time.sleep, 600)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc to look for a process")
def test_workers_end_with_a_killed_parent():
    done = subprocess.run([sys.executable, "-c", ORPHANS], capture_output=True, text=True)
    pid = int(done.stdout)
    for _ in range(600):
        if not is_alive(pid):
            return
        time.sleep(0.1)
    pytest.fail("the worker is still there")


def test_one_that_ends_its_process_leaves_the_others(monkeypatch):
    # In the place of a training; the second ends the process that it is in.
    monkeypatch.setattr(toy_jobs, "train_and_store", eval)
    jobs = ["'one'", "__import__('os')._exit(3)", "'three'", "'four'"]
    assert dict(toy_jobs.train_jobs(jobs, 2)) == {
        jobs[0]: "one",
        jobs[1]: "its process was ended from outside, for its memory perhaps",
        jobs[2]: "three",
        jobs[3]: "four",
    }
