"""Which search runs: the best one for a CUDA device, or one that is asked for by name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Literal

from torch import Tensor

from motionlens.ops import proposals_cpu, proposals_reference

Impl = Literal["auto", "reference", "cpu", "triton"]
# Features, k, metric, window, causal -> indices and distances.
Search = Callable[[Tensor, int, str, int | None, bool], tuple[Tensor, Tensor]]


def search_on_cuda(
    features: Tensor, k: int, metric: str, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Run the fused kernel where it can do the search, else the reference.

    Takes and returns the same as :func:`motionlens.ops.proposals_reference.search`.
    """
    fused = _fused()
    if fused is None or fused.refusal(features, k) is not None:
        return proposals_reference.search(features, k, metric, window, causal)
    found: tuple[Tensor, Tensor] = fused.search(features, k, metric, window, causal)
    return found


def search_by_name(impl: str, features: Tensor, k: int) -> Search:
    """The search of a name.

    Args:
        impl: ``"reference"``, ``"cpu"`` or ``"triton"``.
        features: ``(B, T, S, C)``, which it has to be able to search.
        k: proposals per position, likewise.

    Raises:
        ValueError: If the name is unknown or its search cannot run on these features here.
    """
    if impl == "reference":
        return proposals_reference.search
    if impl == "cpu":
        if features.device.type != "cpu":
            raise ValueError(f"impl 'cpu' needs features on the CPU, got {features.device}")
        return proposals_cpu.search
    if impl == "triton":
        fused = _fused()
        if fused is None:
            raise ValueError("impl 'triton' needs Triton, which is not installed; take 'auto'")
        if (problem := fused.refusal(features, k)) is not None:
            raise ValueError(f"impl 'triton' cannot do this search: {problem}; take 'auto'")
        search: Search = fused.search
        return search
    raise ValueError(f"impl must be 'auto', 'reference', 'cpu' or 'triton', got {impl!r}")


@functools.cache
def _fused() -> ModuleType | None:
    """The module of the fused kernel, imported when first needed; None without Triton."""
    try:
        from motionlens.ops import proposals_triton
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "triton":
            raise
        return None
    return proposals_triton
