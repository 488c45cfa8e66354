import pytest

from motionlens._utils.cores import resolve_num_workers


def test_default_workers_leave_a_core_free():
    assert resolve_num_workers(0) == 0
    assert 0 <= resolve_num_workers(None) <= 8


def test_processes_on_a_machine_share_its_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(9), raising=False)
    assert resolve_num_workers(None) == 8
    assert resolve_num_workers(3) == 3
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert resolve_num_workers(None) == 2
    with pytest.raises(
        ValueError, match="num_workers must be a whole number of at least 0, got -1"
    ):
        resolve_num_workers(-1)
