import multiprocessing
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from motionlens._utils import one_line_warnings
from motionlens._utils.one_line_warnings import join_one_line_warnings, warnings_on_one_line
from pool_work import warn, warn_as_worker


def test_a_warning_is_one_line_and_comes_once(capsys):
    with warnings_on_one_line():
        warnings.simplefilter("always")
        for category in (UserWarning, RuntimeWarning):
            warnings.warn("two\n  lines", category, stacklevel=1)
        warnings.warn("another", stacklevel=1)
    lines = ["motionlens: warning: two lines", "motionlens: warning: another"]
    assert capsys.readouterr().err.splitlines() == lines
    assert one_line_warnings._VARIABLE not in os.environ


LINES = ["motionlens: warning: damaged: a.mp4", "motionlens: warning: damaged: b.mp4"]


@pytest.mark.parametrize("way", ["spawn", "fork"])
def test_other_processes_share_the_lines(way, capfd):
    with warnings_on_one_line():
        work = {"fork": warn, "spawn": warn_as_worker}[way]
        for text in ["damaged: a.mp4", "damaged: a.mp4", "damaged: b.mp4"]:
            process = multiprocessing.get_context(way).Process(target=work, args=(text,))
            process.start()
            process.join()
    assert sorted(capfd.readouterr().err.splitlines()) == LINES


def test_processes_of_the_pool_share_the_lines():
    """In a process of its own: they write to where the first pool's did."""
    code = """
from motionlens._utils.one_line_warnings import warnings_on_one_line
from motionlens._utils.process_pool import run_in_processes
from pool_work import warn

with warnings_on_one_line():
    texts = ["damaged: a.mp4", "damaged: a.mp4", "damaged: b.mp4"]
    assert len(list(run_in_processes(warn, texts, num_workers=2))) == 3
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert sorted(done.stderr.splitlines()) == LINES


def test_without_a_command_warnings_are_pythons_own():
    join_one_line_warnings()
    with pytest.warns(UserWarning, match="as ever"):
        warnings.warn("as ever", stacklevel=1)
