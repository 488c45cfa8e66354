import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from motionlens._utils.process_pool import ProcessPool, in_order, run_in_processes
from motionlens._utils.worker_process import Lost, Worker, process_context
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


@pytest.mark.skipif(sys.platform == "win32", reason="paths are shorter there")
def test_a_temporary_folder_may_have_a_long_name(tmp_path, monkeypatch):
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert dict(run_in_processes(work, range(2), num_workers=1)) == {0: 0, 1: 1}


def test_processes_have_pytorch_where_the_module_of_the_work_is_not_found(monkeypatch):
    asked = []
    monkeypatch.setattr("multiprocessing.forkserver.set_forkserver_preload", asked.extend)
    process_context(work)
    assert asked == ["motionlens._utils.worker_process", "pool_work"]


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


@pytest.mark.parametrize("task", ["hang", "hold"])
def test_no_process_survives_a_killed_parent(task, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"""{ALONE}
import multiprocessing
if __name__ == "__main__":
    results = run_in_processes(work, [2, "{task}"], num_workers=2)
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


@contextlib.contextmanager
def pool(**options):
    found = ProcessPool(work, **{"num_workers": 2, "deadline_s": 60, **options})
    try:
        yield found
    finally:
        found.close()


def test_a_worker_whose_parent_is_gone_says_nothing(capfd):
    worker = Worker(process_context(work), work, None)
    assert worker.connection.poll(60)  # what it has sent is never read, so that the pipe is reset
    worker.connection.close()
    worker._process.join(60)
    assert worker._process.exitcode == 0
    assert capfd.readouterr().err == ""


def test_a_pool_works_on_single_tasks_and_keeps_its_processes(own_children):
    async def ask(found):
        return await asyncio.gather(*(found.run(task) for task in [3, "process"] * 10))

    with pool() as found:
        answers = asyncio.run(ask(found))
        assert answers[::2] == [9] * 10
        for _ in range(6000):  # the first may have done all before the second is there
            children = {child.pid for child in own_children()}
            if len(children) == 2:
                break
            time.sleep(0.01)
        assert set(answers[1::2]) <= children
        assert len(children) == 2
    assert own_children() == []


@pytest.mark.slow
def test_a_pool_outlives_crashes_hangs_and_errors(own_children):
    async def ask(found):
        tasks = ["crash", 2, "hang", 3, "raise", "odd", 4, "crash", 5]
        return await asyncio.gather(*map(found.run, tasks), return_exceptions=True)

    with pool(deadline_s=3) as found:
        answers = asyncio.run(ask(found))
        assert answers[0] == answers[7] == Lost("crashed")
        assert answers[2] == Lost("did not end within 3 s")
        assert [answers[i] for i in (1, 3, 6, 8)] == [4, 9, 16, 25]
        assert isinstance(answers[4], ValueError)
        assert str(answers[5]) == "OddError: it is odd"
    assert own_children() == []


def test_a_task_that_is_given_up_ends_its_process_and_no_other(tmp_path):
    async def ask(found):
        other = await found.run("process")
        file = tmp_path / "pid"
        given_up = asyncio.create_task(found.run(file))
        waiting = [asyncio.create_task(found.run("hang")) for _ in range(4)]
        while not (file.is_file() and file.read_text()):
            await asyncio.sleep(0.01)
        for task in [given_up, *waiting]:
            task.cancel()
        await asyncio.gather(given_up, *waiting, return_exceptions=True)
        assert await found.run(7) == 49
        return other, int(file.read_text())

    with pool(num_workers=1) as found:
        first, ended = asyncio.run(ask(found))
        assert first == ended
        assert not _is_alive(ended)


def test_closing_a_pool_ends_what_is_under_way(own_children):
    async def ask(found):
        task = asyncio.create_task(found.run("hold"))
        assert await found.run(2) == 4
        while not found._busy:  # what still waits when the pool is closed is cancelled
            await asyncio.sleep(0.01)
        found.close()
        return await task

    with pool() as found:
        assert asyncio.run(ask(found)) == Lost("was given up")
    assert own_children() == []


def test_a_process_that_died_while_it_was_idle_is_replaced():
    async def ask(found):
        process = await found.run("process")
        with contextlib.suppress(ProcessLookupError):
            while True:  # until all of it is gone
                os.kill(process, signal.SIGKILL)
                await asyncio.sleep(0.01)
        return [await found.run(number) for number in (2, 3)]

    with pool(num_workers=1) as found:
        assert asyncio.run(ask(found)) == [4, 9]


@pytest.mark.skipif(sys.platform != "linux", reason="the system limits no memory")
def test_a_process_has_so_much_memory_and_time_of_the_processor():
    async def ask(found):
        with pytest.raises(MemoryError):
            await found.run("fill")
        return await found.run("seconds")

    with pool(num_workers=1, memory_bytes=1e9) as found:
        assert 60 < asyncio.run(ask(found)) < 80
    with pool(num_workers=1, memory_bytes=4e9) as found:
        assert asyncio.run(found.run("fill")) == 2 * 10**9


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
