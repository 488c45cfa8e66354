import multiprocessing
import os
import warnings

import pytest

from motionlens._utils import one_line_warnings
from motionlens._utils.one_line_warnings import join_one_line_warnings, warnings_on_one_line
from motionlens._utils.process_pool import run_in_processes
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


@pytest.mark.parametrize("way", ["pool", "spawn", "fork"])
def test_other_processes_share_the_lines(way, capfd):
    texts = ["damaged: a.mp4", "damaged: a.mp4", "damaged: b.mp4"]
    with warnings_on_one_line():
        if way == "pool":
            assert len(list(run_in_processes(warn, texts, num_workers=2))) == 3
        else:
            work = {"fork": warn, "spawn": warn_as_worker}[way]
            for text in texts:
                process = multiprocessing.get_context(way).Process(target=work, args=(text,))
                process.start()
                process.join()
    assert sorted(capfd.readouterr().err.splitlines()) == [
        "motionlens: warning: damaged: a.mp4",
        "motionlens: warning: damaged: b.mp4",
    ]


def test_without_a_command_warnings_are_pythons_own():
    join_one_line_warnings()
    with pytest.warns(UserWarning, match="as ever"):
        warnings.warn("as ever", stacklevel=1)
