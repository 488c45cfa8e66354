import pytest

from motionlens._utils.engines import LocalEngine, cluster_engine, open_engine
from motionlens._utils.worker_process import Lost
from pool_work import work_all


def test_a_task_that_crashes_and_one_that_hangs_cost_no_other():
    tasks = [1, "crash", 2, 3, "hang", 4, 5]
    found = dict(LocalEngine(2).run(work_all, tasks, batch_size=3, deadline_s=2))
    assert found.pop(1) == Lost("crashed")
    assert found.pop(4) == Lost("did not end within 2 s")
    assert found == {0: 1, 2: 4, 3: 9, 5: 16, 6: 25}


def test_an_error_of_the_work_is_raised():
    with pytest.raises(ValueError, match="no"):
        list(LocalEngine(1).run(work_all, [1, "raise"], batch_size=1, deadline_s=60))


def test_in_this_process():
    found = dict(LocalEngine(0).run(work_all, range(5), batch_size=2, deadline_s=1))
    assert found == {number: number**2 for number in range(5)}


def test_what_does_not_fit_is_refused(monkeypatch):
    assert open_engine("local", num_workers=3) == LocalEngine(3)
    assert cluster_engine("local", address=None, num_workers=3) is None
    with pytest.raises(ValueError, match="engine must be local or ray, got 'spark'"):
        open_engine("spark")
    with pytest.raises(ValueError, match="address is of a Ray cluster, got auto; add --engine ray"):
        cluster_engine("local", address="auto", num_workers=None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ValueError, match="start it without torchrun"):
        open_engine("local")


def test_ray_is_asked_for_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ImportError, match=r"ray is needed here .* pip install '.\[ray\]'"):
        open_engine("ray")
