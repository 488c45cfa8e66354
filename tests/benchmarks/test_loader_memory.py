import importlib.util
import sys
from pathlib import Path

import pytest

from cpnet.data.index import VideoIndex
from cpnet.data.lists import ListEntry

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "loader_memory.py"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_do_not_grow_with_the_list():
    spec = importlib.util.spec_from_file_location("loader_memory", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = [ListEntry(f"folder/{i:08}.mp4", str(i % 400)) for i in range(40_000)]
    index = VideoIndex.of(Path("root"), rows)
    seen = module.growth(lambda i: (index.path(i), int(index.labels[i])), len(rows))
    assert len(seen) == module.PARTS + 1
    # Python objects would make 80 bytes of each entry's memory a worker's own: 1.6 MB of a half.
    assert seen[-1] - seen[2] < 1.0
