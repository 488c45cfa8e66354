"""Exact search for CUDA devices as one fused Triton kernel: scores never reach memory.

A program takes a block of positions of one frame and walks over the positions of all frames that
this one may look into; its own frame is not walked over at all. It multiplies one tile of scores
at a time and keeps each row's k best in registers, so that memory grows with ``N * k``, not
``N * N``. Most tiles hold nothing better than a row's k-th best, which one maximum per row tells.

Letters: B clips, T frames, S positions of a frame, N = T*S, C channels, K proposals; in the kernel
M query positions and X candidates of a tile, L = K rounded up to a power of two.

Its tests run it in Triton's interpreter against the reference. It was checked and timed on one
H100: docs/gpu.md.
"""

from __future__ import annotations

import functools
import os
from typing import Any, Literal

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch import Tensor

from motionlens.ops.scoring import HALF_METRICS, Scoring, full_precision, prepare, prepare_half

# How products of float32 are made: "ieee" on the ordinary units; "tf32x3" on the matrix units from
# three products of split numbers, right to about 2^-21; "tf32" from one, right to about 2^-10.
Precision = Literal["ieee", "tf32x3", "tf32"]

MAX_K = 32
MAX_CHANNELS = 1024
# Channels are padded with zeros to a multiple of this, which every BLOCK_C divides.
CHANNELS = 64
# Offsets inside a clip are 32 bits wide.
MAX_ELEMENTS = 2**31 - 1
# Matrix units for bfloat16 and TF32 came with this compute capability.
LEAST_CAPABILITY = (8, 0)

# Triton reads the variable when it decorates, so it is read once here, too.
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def _config(M: int, X: int, C: int, warps: int, stages: int) -> Any:
    blocks = {"BLOCK_M": M, "BLOCK_X": X, "BLOCK_C": C}
    return triton.Config(blocks, num_warps=warps, num_stages=stages)


# Measured on an H100 (docs/results/gpu): each is the best somewhere, or close to it elsewhere.
CONFIGS = [
    _config(32, 64, 64, 4, 3),
    _config(64, 64, 64, 4, 3),
    _config(64, 128, 64, 4, 3),
    _config(128, 128, 64, 4, 3),
    _config(128, 128, 64, 8, 3),
]
# So small that small tests see several tiles.
INTERPRETED_CONFIGS = [_config(16, 32, 64, 4, 1)]


def refusal(features: Tensor, k: int) -> str | None:
    """Why the kernel cannot do a search; None if it can.

    Args:
        features: ``(B, T, S, C)``.
        k: proposals per position.
    """
    _, T, S, C = features.shape
    if not INTERPRETED:
        if not features.is_cuda:
            return f"features must be on a CUDA device, got {features.device}"
        if (problem := _device_problem(features.device)) is not None:
            return problem
    if features.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"features must be float32, bfloat16 or float16, got {features.dtype}"
    if k > MAX_K:
        return f"k must be at most {MAX_K}, got {k}"
    if C > MAX_CHANNELS:
        return f"features must have at most {MAX_CHANNELS} channels, got {C}"
    if T * S * (C + CHANNELS) > MAX_ELEMENTS:
        return f"T*S*C must be below 2^31, got T={T}, S={S}, C={C}"
    return None


def search(
    features: Tensor,
    k: int,
    metric: str,
    window: int | None,
    causal: bool,
    *,
    precision: Precision = "tf32x3",
) -> tuple[Tensor, Tensor]:
    """Find the k nearest positions in other frames.

    Takes and returns the same as :func:`motionlens.ops.proposals_reference.search`; among equal
    distances the choice may differ. Does not look for NaN or inf.

    Args:
        features: ``(B, T, S, C)`` on a CUDA device: float32, bfloat16 or float16, any strides.
        k: at most 32.
        metric: as for the reference.
        window: likewise.
        causal: likewise.
        precision: of the products of float32; half precision is multiplied exactly in any case.

    Raises:
        ValueError: If the kernel cannot do this search; see :func:`refusal`.
    """
    if (problem := refusal(features, k)) is not None:
        raise ValueError(problem)
    B, T, S, C = features.shape
    with full_precision(features.device):
        scoring = _prepare(features.reshape(B, T * S, C), metric)
    scores = scoring.bias.new_empty(B, T * S, k)
    indices = torch.empty_like(scores, dtype=torch.int64)
    if B > 0:
        window = T if window is None else min(window, T)
        _launch(scoring.points, scoring.bias, scores, indices, T, window, causal, precision)
    return indices.view(B, T, S, k), scoring.distances(scores).view(B, T, S, k)


def _prepare(features: Tensor, metric: str) -> Scoring:
    """The scoring rule, in half precision where that is exact."""
    if features.dtype != torch.float32 and metric in HALF_METRICS:
        return prepare_half(features, metric)
    return prepare(features, metric)


def _launch(
    points: Tensor,  # (B, N, C) float32, bfloat16 or float16
    bias: Tensor,  # (B, N) float32
    scores: Tensor,  # (B, N, K) float32, written
    indices: Tensor,  # (B, N, K) int64, written
    T: int,
    window: int,
    causal: bool,
    precision: Precision,
) -> None:
    """Run the kernel on what :func:`search` has prepared."""
    B, N, C = points.shape
    if INTERPRETED:
        # Its product of bfloat16 is wrong, and products of half precision are exact in float32.
        points = points.float()
    if C % CHANNELS:
        points = F.pad(points, (0, -C % CHANNELS))
    points = points.contiguous()
    S, K = N // T, scores.shape[2]

    def grid(blocks: dict[str, int]) -> tuple[int]:
        return (B * T * triton.cdiv(S, blocks["BLOCK_M"]),)

    with torch.cuda.device_of(points):
        _search_kernel[grid](
            points,
            bias,
            scores,
            indices,
            T,
            S,
            window,
            C=points.shape[2],
            K=K,
            SLOTS=triton.next_power_of_2(K),
            CAUSAL=causal,
            WORK=(B * N // 2**10).bit_length(),
            PRECISION=precision if points.dtype == torch.float32 else "ieee",
        )


@functools.cache
def _device_problem(device: torch.device) -> str | None:
    """Why Triton cannot run on a CUDA device; None if it can."""
    capability = torch.cuda.get_device_capability(device)
    if capability < LEAST_CAPABILITY:
        return f"Triton's matrix units need compute capability 8.0, got {capability}"
    try:
        triton.runtime.driver.active.get_current_target()
    except Exception as error:  # whatever the compiler of the driver's helper has to say
        return f"Triton cannot build for this machine: {error}"
    return None


@triton.autotune(
    INTERPRETED_CONFIGS if INTERPRETED else CONFIGS, key=["C", "K", "PRECISION", "WORK"]
)
@triton.jit(do_not_specialize=["T", "S", "window", "WORK"])
def _search_kernel(
    points,  # (B, N, C)
    bias,  # (B, N) float32
    scores,  # (B, N, K) float32, written: best first, -inf where candidates run out
    indices,  # (B, N, K) int64, written: -1 where candidates run out
    T,
    S,
    window,
    WORK,  # the order of magnitude of B*N: few programs want small tiles
    C: tl.constexpr,
    K: tl.constexpr,
    SLOTS: tl.constexpr,  # L
    CAUSAL: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_X: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    blocks = tl.cdiv(S, BLOCK_M)
    program = tl.program_id(0)
    frame = program // blocks % T
    clip = (program // blocks // T).to(tl.int64)
    points += clip * T * S * C
    bias += clip * T * S

    # Candidates are numbered without a gap: `before` ones left of the own frame, the rest right.
    start = frame * S
    first = tl.maximum(frame - window, 0) * S
    before = start - first
    count = before
    if not CAUSAL:
        count += tl.minimum(frame + window + 1, T) * S - (start + S)

    rows = program % blocks * BLOCK_M + tl.arange(0, BLOCK_M)
    queries = start + tl.minimum(rows, S - 1)
    channels = tl.arange(0, BLOCK_C)
    slots = tl.arange(0, SLOTS)
    # The K slots of a row in any order; what rounds K up is never the worst, so never replaced.
    best = tl.zeros([BLOCK_M, SLOTS], tl.float32) + tl.where(slots < K, float("-inf"), float("inf"))
    found = tl.full([BLOCK_M, SLOTS], -1, tl.int32)
    worst = tl.full([BLOCK_M], float("-inf"), tl.float32)

    for done in range(0, count, BLOCK_X):
        numbers = done + tl.arange(0, BLOCK_X)
        keys = _position(tl.minimum(numbers, count - 1), first, before, S)
        tile = tl.zeros([BLOCK_M, BLOCK_X], tl.float32)
        for c in range(0, C, BLOCK_C):
            left = tl.load(points + queries[:, None] * C + (c + channels)[None, :])
            right = tl.load(points + keys[None, :] * C + (c + channels)[:, None])
            tile = tl.dot(left, right, tile, input_precision=PRECISION)
        tile += tl.load(bias + keys, mask=numbers < count, other=float("-inf"))[None, :]
        best, found, worst = _merge(
            tile, done, first, before, S, best, found, worst, K, SLOTS, BLOCK_X
        )

    best = tl.where((slots < K)[None, :], best, float("-inf"))
    out = (clip * T * S + start + rows) * K
    for n in range(K):
        top = tl.max(best, 1)
        slot = tl.max(tl.where(best == top[:, None], slots[None, :], -1), 1)
        here = slots[None, :] == slot[:, None]
        key = tl.max(tl.where(here, found, -1), 1)
        key = tl.where(top == float("-inf"), -1, key)
        tl.store(scores + out + n, top, mask=rows < S)
        tl.store(indices + out + n, key.to(tl.int64), mask=rows < S)
        best = tl.where(here, float("-inf"), best)


@triton.jit
def _merge(
    tile,  # (M, X) scores
    done,  # number of the tile's first candidate
    first,
    before,
    S,
    best,  # (M, L) scores
    found,  # (M, L) positions, -1 for none
    worst,  # (M,) least of best
    K: tl.constexpr,
    SLOTS: tl.constexpr,
    BLOCK_X: tl.constexpr,
):
    """Let the tile's scores replace worse ones, each pass the best that is left in every row.

    A row takes K of a tile at most, and passes end when no row takes any more.
    """
    columns = tl.arange(0, BLOCK_X)
    slots = tl.arange(0, SLOTS)
    top = tl.max(tile, 1)
    better = top > worst
    passes = 0
    while (passes < K) & (tl.max(better.to(tl.int32), 0) > 0):
        column = tl.max(tl.where(tile == top[:, None], columns[None, :], -1), 1)
        slot = tl.max(tl.where(best == worst[:, None], slots[None, :], -1), 1)
        here = better[:, None] & (slots[None, :] == slot[:, None])
        best = tl.where(here, top[:, None], best)
        found = tl.where(here, _position(done + column, first, before, S)[:, None], found)
        tile = tl.where(columns[None, :] == column[:, None], float("-inf"), tile)
        worst = tl.min(best, 1)
        top = tl.max(tile, 1)
        better = top > worst
        passes += 1
    return best, found, worst


@triton.jit
def _position(number, first, before, S):
    """Position in the clip of a candidate by its number: the own frame is stepped over."""
    return first + number + tl.where(number >= before, S, 0)
