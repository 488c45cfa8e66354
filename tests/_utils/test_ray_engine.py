from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from motionlens._utils import ray_cluster as ray_cluster_module
from motionlens._utils import ray_engine
from motionlens._utils.ray_engine import RayEngine
from motionlens._utils.worker_process import Lost
from pool_work import work_all

# Ray warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def run(monkeypatch):
    """Runs tasks on a made-up cluster that answers some of them in each pass."""
    ray = SimpleNamespace(put=lambda _: None, exceptions=SimpleNamespace(RayError=OSError))
    monkeypatch.setattr(ray_engine, "import_ray", lambda: ray)
    monkeypatch.setattr(ray_engine, "connected", lambda *_: nullcontext(ray))
    monkeypatch.setattr(ray_engine, "check_nodes", lambda _: None)

    def call(tasks, answer):
        monkeypatch.setattr(RayEngine, "_pass", answer)
        return dict(RayEngine().run(work_all, tasks, batch_size=2, deadline_s=1))

    return call


def test_what_a_lost_node_had_is_run_again_and_given_up_in_the_end(run):
    asked = []

    def answer(self, ray, actor, waiting, batch_size):
        asked.append(sorted(waiting))
        yield min(waiting), "done"
        if len(asked) == 1:
            raise OSError("the node is gone")

    found = run(range(5), answer)
    assert asked == [[0, 1, 2, 3, 4], [1, 2, 3, 4], [2, 3, 4]]
    assert found == dict.fromkeys(range(3), "done") | dict.fromkeys(
        (3, 4), Lost("lost its node 3 times")
    )


def test_a_cluster_that_can_do_nothing_ends_the_job(run):
    def answer(self, ray, actor, waiting, batch_size):
        raise OSError("an actor does not start")
        yield

    with pytest.raises(ValueError, match=r"can do the work \(an actor does not start\)"):
        run(range(3), answer)


@pytest.mark.slow
def test_a_task_that_crashes_and_one_that_hangs_cost_no_other(ray_cluster):
    tasks = [1, "crash", 2, 3, "hang", 4, 5]
    engine = RayEngine(ray_cluster.address)
    found = dict(engine.run(work_all, tasks, batch_size=3, deadline_s=2))
    assert found.pop(1) == Lost("crashed")
    assert found.pop(4) == Lost("did not end within 2 s")
    assert found == {0: 1, 2: 4, 3: 9, 5: 16, 6: 25}
    assert list(engine.run(work_all, [], batch_size=3, deadline_s=2)) == []


@pytest.mark.slow
def test_an_error_of_the_work_is_raised(ray_cluster):
    with pytest.raises(ValueError, match="^no$"):
        list(RayEngine(ray_cluster.address).run(work_all, ["raise"], batch_size=1, deadline_s=60))


@pytest.mark.slow
def test_a_node_that_is_killed_loses_nothing(ray_cluster):
    node = ray_cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    tasks = [0.05] * 150 + [7]
    results = RayEngine(ray_cluster.address).run(work_all, tasks, batch_size=2, deadline_s=60)
    found = dict([next(results)])
    ray_cluster.remove_node(node, allow_graceful=False)
    for number, result in results:
        assert number not in found
        found[number] = result
    assert found == dict(enumerate([None] * 150 + [49]))


@pytest.mark.slow
def test_a_node_with_another_version_is_named(ray_cluster, monkeypatch):
    monkeypatch.setattr(ray_cluster_module, "__version__", "99.0")
    with pytest.raises(ValueError, match=r"node .* must have motionlens 99.0, it has .*; install"):
        next(RayEngine(ray_cluster.address).run(work_all, [1], batch_size=1, deadline_s=60))
