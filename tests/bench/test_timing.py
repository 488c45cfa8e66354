import torch

from motionlens.bench.timing import compare, peak_memory

CPU = torch.device("cpu")


def test_alternatives_run_in_turns():
    order = []
    runs = {name: (lambda name=name: order.append(name)) for name in "ab"}
    found = compare(runs, CPU, seconds=0, least=2, memory=False)
    assert "".join(order) == "aabb" + "aaaaabbbbb" * 2
    assert list(found) == ["a", "b"]
    assert found["a"]["peak_mb"] is None
    first, third = found["a"]["quartiles_ms"]
    assert 0 <= first <= found["a"]["median_ms"] <= third


def test_peak_memory_counts_what_lives_at_a_time():
    def run():
        for _ in range(5):
            torch.zeros(1000, 1000)  # 4 MB, let go of each time
        kept = torch.zeros(500, 1000)
        return kept + torch.zeros(500, 1000)  # 2 + 2 + 2 MB

    assert peak_memory(run, CPU) == 6_000_000
