import pytest

from motionlens._utils import ray_cluster as ray_cluster_module
from motionlens._utils.ray_engine import RayEngine
from motionlens._utils.worker_process import Lost
from pool_work import work_all

# Starting a cluster takes seconds, and Ray warns of itself.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_a_task_that_crashes_and_one_that_hangs_cost_no_other(ray_cluster):
    tasks = [1, "crash", 2, 3, "hang", 4, 5]
    engine = RayEngine(ray_cluster.address)
    found = dict(engine.run(work_all, tasks, batch_size=3, deadline_s=2))
    assert found.pop(1) == Lost("crashed")
    assert found.pop(4) == Lost("did not end within 2 s")
    assert found == {0: 1, 2: 4, 3: 9, 5: 16, 6: 25}
    assert list(engine.run(work_all, [], batch_size=3, deadline_s=2)) == []


def test_an_error_of_the_work_is_raised(ray_cluster):
    with pytest.raises(ValueError, match="^no$"):
        list(RayEngine(ray_cluster.address).run(work_all, ["raise"], batch_size=1, deadline_s=60))


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


def test_a_node_with_another_version_is_named(ray_cluster, monkeypatch):
    monkeypatch.setattr(ray_cluster_module, "__version__", "99.0")
    with pytest.raises(ValueError, match=r"node .* must have motionlens 99.0, it has .*; install"):
        next(RayEngine(ray_cluster.address).run(work_all, [1], batch_size=1, deadline_s=60))
