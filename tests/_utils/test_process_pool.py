import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from motionlens._utils.process_pool import Lost, in_order, run_in_processes
from pool_work import Counting, work

ALONE = """
from pool_work import work
from motionlens._utils.process_pool import run_in_processes
"""


@pytest.fixture
def own_children():
    """The processes that this test has started and not ended; other tests may have left some."""
    before = set(multiprocessing.active_children())
    return lambda: [child for child in multiprocessing.active_children() if child not in before]


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_every_task_has_its_result(num_workers):
    found = dict(run_in_processes(work, range(20), num_workers=num_workers))
    assert found == {number: number * number for number in range(20)}


def test_no_task_starts_no_process():
    assert list(run_in_processes(work, [], num_workers=2)) == []


def test_a_crash_and_a_task_that_hangs_are_reported_and_the_others_go_on(own_children):
    tasks = [1, "crash", 2, "hang", 3, "crash", 4, 5]
    found = dict(run_in_processes(work, tasks, num_workers=2, deadline_s=2))
    assert found[1] == found[5] == Lost("crashed")
    assert found[3] == Lost("did not end within 2 s")
    assert [found[i] for i in (0, 2, 4, 6, 7)] == [1, 4, 9, 16, 25]
    assert own_children() == []


def test_an_error_is_raised_here_and_ends_the_processes(own_children):
    with pytest.raises(ValueError, match="no"):
        list(run_in_processes(work, [1, "raise", 2], num_workers=2))
    assert own_children() == []


def test_tasks_are_taken_as_processes_become_free(own_children):
    taken = []

    def tasks():
        for number in range(100):
            taken.append(number)
            yield number

    results = run_in_processes(work, tasks(), num_workers=2)
    next(results)
    assert len(taken) <= 6
    results.close()
    assert own_children() == []


def test_work_keeps_its_state_within_a_process(tmp_path):
    found = dict(run_in_processes(Counting(tmp_path), range(6), num_workers=1))
    assert found == {number: number + 1 for number in range(6)}
    assert [path.name for path in tmp_path.iterdir()] != [str(os.getpid())]


def test_results_are_put_in_order():
    assert list(in_order([(1, "b"), (2, "c"), (0, "a"), (3, "d")])) == ["a", "b", "c", "d"]


def test_a_script_that_guards_nothing_is_told(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"{ALONE}list(run_in_processes(work, [1], num_workers=1))")
    found = _run(script)
    assert "num_workers must be 0 here" in found.stderr


def test_no_process_survives_a_killed_parent(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"""{ALONE}
import multiprocessing
if __name__ == "__main__":
    results = run_in_processes(work, [2, "hang"], num_workers=2)
    next(results)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    next(results)
"""
    )
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env=_environment()
    )
    children = [int(pid) for pid in parent.stdout.readline().split()]
    assert children
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    for _ in range(2000):  # far more than it needs, also on a busy machine
        if not any(map(_is_alive, children)):
            return
        time.sleep(0.05)
    pytest.fail(f"processes {children} go on without their parent")


def _run(script):
    return subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=_environment()
    )


def _environment():
    folders = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": folders}


def _is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
