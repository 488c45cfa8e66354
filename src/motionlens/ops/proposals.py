"""Correspondence proposals: for every position its k nearest neighbours in other frames.

Letters: B clips, T frames, S positions of a frame (H*W), C channels, K proposals per position.
Paper: "Learning Video Representations from Correspondence Proposals", the k-NN step of the
CP module.
"""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from motionlens._utils.checks import check_at_least
from motionlens.ops import proposals_cpu, proposals_reference
from motionlens.ops.scoring import METRICS, Metric

Impl = Literal["auto", "reference", "cpu", "triton"]
# Features, k, metric, window, causal -> indices and distances.
Search = Callable[[Tensor, int, str, int | None, bool], tuple[Tensor, Tensor]]


class Proposals(NamedTuple):
    """Nearest neighbours of every position, nearest first.

    Attributes:
        indices: int64 ``(B, T, S, K)``. ``indices[b, t, s, n] = u * S + v`` says that position v
            of frame u is the n-th nearest to position s of frame t; u is never t. -1 where a
            window leaves fewer than K candidates.
        distances: ``(B, T, S, K)``, ascending, float32 (float64 for float64 features), detached:
            squared L2, minus the dot product, or one minus the cosine, within the rounding of a
            product of centred features. inf where the index is -1.
    """

    indices: Tensor
    distances: Tensor


def knn_proposals(
    features: Tensor,
    k: int,
    *,
    metric: Metric = "l2",
    window: int | None = None,
    causal: bool = False,
    impl: Impl = "auto",
) -> Proposals:
    """Find for each position the k nearest positions in feature space in *other* frames.

    The choice is discrete and has no gradient; gradients flow through the features gathered with
    it (:func:`gather_neighbors`). Which of several equally distant positions is taken is
    unspecified. Half precision is searched in float32, under autocast too. Exact means: up to the
    rounding of float32 products of centred features; clusters of features that lie 1e5 times as
    far apart as their members do lose the order among the members.

    Args:
        features: ``(B, T, S, C)``, any float dtype, any strides.
        k: proposals per position, 1 to ``(T-1)*S``.
        metric: ``"l2"``, ``"dot"`` or ``"cosine"``, for which a zero vector is at distance 1 from
            everything.
        window: how many frames on either side are searched, at least 1; None for all.
        causal: search past frames only.
        impl: ``"auto"`` takes the fastest search for the device; ``"reference"`` plain PyTorch
            operations, for exporting and debugging; ``"cpu"`` and ``"triton"`` name the searches
            that "auto" chooses from, for debugging.

    Returns:
        The proposals. With `window` or `causal`, positions with fewer than k candidates are
        padded with index -1 and distance inf.

    Raises:
        ValueError: If the shape, dtype, k, metric or window is not as above, if the search that
            `impl` names cannot run on these features here, or if the features hold NaN or inf
            (found for free by the search on CPUs; not looked for on other devices, where it would
            stall the queue, and in ``impl="reference"``).

    Example:
        >>> features = torch.tensor([[[[0.0], [5.0]], [[4.0], [1.0]]]])  # 2 frames, 2 positions
        >>> knn_proposals(features, k=1).indices.tolist()
        [[[[3], [2]], [[1], [0]]]]
    """
    _check(features, k, metric, window)
    features = features.detach()
    search = _knn_proposals if impl == "auto" else _search_by_name(impl, features, k)
    return Proposals(*search(features, k, metric, window, causal))


def gather_neighbors(features: Tensor, indices: Tensor) -> Tensor:
    """Gather the features of every position's proposals; differentiable.

    Args:
        features: ``(B, T, S, C)``.
        indices: int64 ``(B, T, S, K)`` into ``T*S``; -1 for none.

    Returns:
        ``(B, T, S, K, C)``, zero where the index is -1.
    """
    B, T, S, C = features.shape
    rows = flat_rows(indices, T * S)
    gathered = features.reshape(B * T * S, C).index_select(0, rows).view(*indices.shape, C)
    return gathered.masked_fill((indices < 0)[..., None], 0)


def pair_offsets(indices: Tensor, grid: tuple[int, int], *, dtype: torch.dtype) -> Tensor:
    """Space-time offset ``p_j - p_i`` of every pair, in fractions of the clip.

    Args:
        indices: int64 ``(B, T, S, K)`` into ``T*S``; -1 for none.
        grid: ``(H, W)`` with ``H*W = S``.
        dtype: float dtype of the result.

    Returns:
        ``(B, T, S, K, 3)``: frames / T, rows / H, columns / W, each in (-1, 1); zero where the
        index is -1.
    """
    _, T, S, _ = indices.shape
    points = positions(T, grid, dtype=dtype, device=indices.device)
    offsets = points[indices.clamp_min(0)] - points.view(T, S, 1, 3)
    return offsets.masked_fill((indices < 0)[..., None], 0)


def positions(
    num_frames: int, grid: tuple[int, int], *, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Coordinates ``(t/T, y/H, x/W)`` of all positions, ``(T*H*W, 3)``, each in [0, 1)."""
    axes = [torch.arange(n, dtype=dtype, device=device) / n for n in (num_frames, *grid)]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).view(-1, 3)


def flat_rows(indices: Tensor, positions_per_clip: int) -> Tensor:
    """Turn indices into a clip into rows of ``(B * T*S, C)``; -1 becomes the clip's row 0."""
    first = torch.arange(indices.shape[0], device=indices.device) * positions_per_clip
    return (indices.clamp_min(0) + first.view(-1, 1, 1, 1)).flatten()


def _check(features: Tensor, k: int, metric: str, window: int | None) -> None:
    if features.dim() != 4:
        raise ValueError(
            f"features must have shape (B, T, S, C), got {tuple(features.shape)}; "
            "flatten the rows and columns of a frame into S = H*W"
        )
    if not features.is_floating_point():
        raise ValueError(f"features must be of a float dtype, got {features.dtype}; convert them")
    _, T, S, C = features.shape
    if T < 2:
        raise ValueError(f"features must hold at least T = 2 frames, got {T}; sample more frames")
    if S < 1 or C < 1:
        raise ValueError(f"features must have at least one position and channel, got S={S}, C={C}")
    check_search(k, metric, window)
    if k > (T - 1) * S:
        raise ValueError(
            f"k must be at most (T-1)*S = {(T - 1) * S}, got {k}; lower k or sample more frames"
        )


def check_search(k: int, metric: str = "l2", window: int | None = None) -> None:
    """Check what a search takes besides features.

    Raises:
        ValueError: If an argument is not as :func:`knn_proposals` takes it.
    """
    check_at_least(1, k=k)
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")
    if window is not None:
        check_at_least(1, window=window)


def _search_on_cuda(
    features: Tensor, k: int, metric: str, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    """Run the fused kernel where it can do the search, else the reference.

    Takes and returns the same as :func:`motionlens.ops.proposals_reference.search`.
    """
    fused = _triton_search()
    if fused is None or fused.refusal(features, k) is not None:
        return proposals_reference.search(features, k, metric, window, causal)
    return fused.search(features, k, metric, window, causal)  # type: ignore[no-any-return]


def _search_by_name(impl: str, features: Tensor, k: int) -> Search:
    """The search of a name.

    Args:
        impl: ``"reference"``, ``"cpu"`` or ``"triton"``.
        features: ``(B, T, S, C)``.
        k: proposals per position.

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
        fused = _triton_search()
        if fused is None:
            raise ValueError("impl 'triton' needs Triton, which is not installed; take 'auto'")
        if (problem := fused.refusal(features, k)) is not None:
            raise ValueError(f"impl 'triton' cannot do this search: {problem}; take 'auto'")
        return fused.search  # type: ignore[no-any-return]
    raise ValueError(f"impl must be 'auto', 'reference', 'cpu' or 'triton', got {impl!r}")


@functools.cache
def _triton_search() -> ModuleType | None:
    """The module of the fused kernel, imported when first needed; None without Triton."""
    try:
        from motionlens.ops import proposals_triton
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "triton":
            raise
        return None
    return proposals_triton


# Any device runs the reference unless a search of its own is registered below.
@torch.library.custom_op("motionlens::knn_proposals", mutates_args=())
def _knn_proposals(
    features: Tensor, k: int, metric: str, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    return proposals_reference.search(features, k, metric, window, causal)


_knn_proposals.register_kernel("cpu")(proposals_cpu.search)
_knn_proposals.register_kernel("cuda")(_search_on_cuda)


@_knn_proposals.register_fake
def _(
    features: Tensor, k: int, metric: str, window: int | None, causal: bool
) -> tuple[Tensor, Tensor]:
    shape = (*features.shape[:3], k)
    distance_dtype = torch.promote_types(features.dtype, torch.float32)
    return (
        features.new_empty(shape, dtype=torch.int64),
        features.new_empty(shape, dtype=distance_dtype),
    )
