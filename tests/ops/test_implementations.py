import subprocess
import sys

import pytest
import torch

from motionlens.ops import implementations, proposals_reference
from motionlens.ops.proposals import knn_proposals


def test_the_cpu_search_can_be_named():
    features = torch.randn(1, 3, 10, 4)
    named, best = knn_proposals(features, 3, impl="cpu"), knn_proposals(features, 3)
    assert torch.equal(named.indices, best.indices)
    assert torch.equal(named.distances, best.distances)


def test_the_cpu_search_needs_the_cpu():
    features = torch.zeros(1, 2, 3, 4, device="meta")
    with pytest.raises(ValueError, match="impl 'cpu' needs features on the CPU, got meta"):
        knn_proposals(features, 1, impl="cpu")


def test_refuses_unknown_names():
    message = "impl must be 'auto', 'reference', 'cpu' or 'triton', got 'cuda'"
    with pytest.raises(ValueError, match=message):
        knn_proposals(torch.zeros(1, 2, 3, 4), 1, impl="cuda")


class NoKernel:
    """Stands for a fused kernel that refuses everything."""

    @staticmethod
    def refusal(features, k):
        return "it has no wish to"


@pytest.mark.parametrize(
    ("fused", "message"),
    [
        (None, "impl 'triton' needs Triton, which is not installed; take 'auto'"),
        (NoKernel, "impl 'triton' cannot do this search: it has no wish to; take 'auto'"),
    ],
)
def test_without_the_kernel_cuda_runs_the_reference(fused, message, monkeypatch):
    monkeypatch.setattr(implementations, "_fused", lambda: fused)
    features = torch.randn(1, 3, 10, 4)
    found = implementations.search_on_cuda(features, 3, "l2", 1, False)
    expected = proposals_reference.search(features, 3, "l2", 1, False)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    with pytest.raises(ValueError, match=message):
        knn_proposals(features, 3, impl="triton")


def test_a_cuda_device_gets_the_kernel_if_it_can(monkeypatch):
    class Kernel:
        refusal = staticmethod(lambda features, k: None)
        search = staticmethod(lambda *arguments: arguments)

    monkeypatch.setattr(implementations, "_fused", lambda: Kernel)
    assert implementations.search_on_cuda("features", 3, "dot", 1, True)[1:] == (3, "dot", 1, True)


@pytest.mark.parametrize("statement", ["sys.modules['triton'] = None", ""])
def test_importing_the_operations_does_not_import_triton(statement):
    code = f"""
import sys, torch
{statement}
import motionlens.ops.proposals, motionlens.ops.implementations as implementations
assert "motionlens.ops.proposals_triton" not in sys.modules
if sys.modules.get("triton", 0) is None:
    assert implementations._fused() is None
"""
    subprocess.run([sys.executable, "-c", code], check=True)
