import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from motionlens._utils.folder_lock import HOLDER_FILE, LOCK_FILE, check_free, locked_folder

# Holds the lock, and has a child that shares it and outlives it by a second, as loaders have.
_HOLDER = """
import os, sys, time
from pathlib import Path
from motionlens._utils.folder_lock import locked_folder
with locked_folder(Path(sys.argv[1])):
    if os.fork() == 0:
        time.sleep(1)
        os._exit(0)
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that works in the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_leaves_no_trace(tmp_path):
    with locked_folder(tmp_path):
        assert (tmp_path / LOCK_FILE).exists()
    check_free(tmp_path)
    check_free(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_names_the_process_that_works_there(tmp_path, holder):
    message = f"must not be worked in by two calls, .*: process {holder.pid} on .* since "
    with pytest.raises(ValueError, match=message), locked_folder(tmp_path):
        pass
    with pytest.raises(ValueError, match=message):
        check_free(tmp_path)
    assert holder.poll() is None
    assert json.loads((tmp_path / HOLDER_FILE).read_text())["pid"] == holder.pid


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    # It stays a zombie, whose child still holds the lock.
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    with locked_folder(tmp_path):
        assert json.loads((tmp_path / HOLDER_FILE).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_note_on_the_holder_does_no_harm(tmp_path, holder):
    (tmp_path / HOLDER_FILE).write_text("[1]")
    with pytest.raises(ValueError, match="its process is not known"):
        check_free(tmp_path)


def test_threads_of_one_process_exclude_each_other(tmp_path):
    inside, most, done = 0, 0, 0
    together = threading.Barrier(8)

    def work():
        nonlocal inside, most, done
        together.wait()
        for _ in range(50):
            try:
                with locked_folder(tmp_path):
                    inside += 1
                    most = max(most, inside)
                    done += 1
                    inside -= 1
            except ValueError:
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done > 0) == (1, True)
