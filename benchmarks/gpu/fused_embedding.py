"""A candidate: correspondence embedding in inference on CUDA devices as one fused Triton kernel.

It agrees with the plain embedding in Triton's interpreter and compiles, but never ran on a GPU;
``bench_gpu.py`` checks and times it there. It goes into ``motionlens.ops`` if it pays.

A program takes a block of positions, and of the last layer's channels. For one proposal after
another it gathers the neighbours' halves of the first layer, adds the queries' and the offsets'
part, multiplies with the second layer, and keeps the maximum: pairs never reach memory.

Letters: B clips, T frames, S positions of a frame, C channels, K proposals, M and N channels of the
first and the last layer, P = B*T*S.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from gpu.timing import device_of, measure
from torch import Tensor

from motionlens.ops import proposals_triton
from motionlens.ops.pair_embedding import PairLayer, pair_embedding
from motionlens.ops.proposals import knn_proposals

Write = Callable[[dict[str, Any]], None]

MAX_HIDDEN = 256
# Positions and last channels of a program, the first that leave both factors in fast memory.
BLOCKS = [(64, 128), (64, 64), (32, 32), (16, 16)]
MAX_BYTES = 2**16


def refusal(features: Tensor, layers: Sequence[PairLayer]) -> str | None:
    """Why the kernel cannot do an embedding; None if it can.

    Args:
        features: ``(B, T, S, C)``.
        layers: the pair MLP, without norms.
    """
    if (problem := proposals_triton.refusal(features, 1)) is not None:
        return problem
    if len(layers) > 2:
        return f"the pair MLP must have at most 2 layers, got {len(layers)}"
    if any(layer.weight.dtype != features.dtype for layer in layers):
        return f"weights must be {features.dtype} like the features"
    if len(layers) == 2 and len(layers[0].weight) > MAX_HIDDEN:
        return f"the first layer must have at most {MAX_HIDDEN} channels"
    return None


def embed(
    features: Tensor,
    indices: Tensor,
    grid: tuple[int, int],
    layers: Sequence[PairLayer],
    offset_scale: float,
) -> Tensor:
    """Embed each position's pairs with its proposals and keep the strongest response.

    Takes and returns the same as :func:`motionlens.ops.pair_embedding.pair_embedding`, for one or
    two layers without norms. Half precision is added up in float32.

    Args:
        features: ``(B, T, S, C)`` on a CUDA device: float32, bfloat16 or float16, any strides.
        indices: as for the plain embedding.
        grid: likewise.
        layers: likewise; weights of the features' dtype.
        offset_scale: likewise.
    """
    if proposals_triton.INTERPRETED and features.dtype != torch.float32:
        # The interpreter's product of bfloat16 is wrong.
        wide = [PairLayer(w.float(), None if b is None else b.float()) for w, b, _ in layers]
        return embed(features.float(), indices, grid, wide, offset_scale).to(features.dtype)
    B, T, S, C = features.shape
    first, last = layers[0], layers[-1]
    K, M, N = indices.shape[3], len(first.weight), len(last.weight)
    of_offset, of_query, of_neighbour = torch.split(first.weight, [3, C, C], dim=1)
    bias = first.bias
    if bias is not None:
        bias = torch.cat([bias, torch.zeros_like(bias)])
    both = F.linear(features, torch.cat([of_query, of_neighbour]), bias).contiguous()
    out = both.new_empty(B, T, S, N, dtype=features.dtype)
    hidden = max(16, triton.next_power_of_2(M))
    # float32 is split into two numbers.
    one_row = hidden * (2 * 4 if features.dtype == torch.float32 else 2)
    rows, columns = next(block for block in BLOCKS if sum(block) * one_row <= MAX_BYTES)
    columns = min(columns, max(16, triton.next_power_of_2(N)))
    blocks = triton.cdiv(B * T * S, rows), triton.cdiv(N, columns)
    with torch.cuda.device_of(features):
        _embedding_kernel[blocks](
            both,
            of_offset.contiguous(),
            indices.contiguous(),
            last.weight.contiguous(),
            None if last.bias is None else last.bias.contiguous(),
            out,
            B * T * S,
            T,
            grid[0],
            grid[1],
            offset_scale,
            K=K,
            M=M,
            N=N,
            DEEP=len(layers) == 2,
            BIASED=last.bias is not None,
            PRECISION="tf32x3" if features.dtype == torch.float32 else "ieee",
            BLOCK_P=rows,
            BLOCK_M=hidden,
            BLOCK_N=columns,
        )
    return out


@triton.jit(do_not_specialize=["P", "T", "H", "W"])
def _embedding_kernel(
    both,  # (P, 2*M): queries' and neighbours' halves of the first layer
    of_offset,  # (M, 3)
    indices,  # (P, K) int64, -1 for none
    weight,  # (N, M), of the second layer
    bias,  # (N,) or none
    out,  # (P, N), written
    P,
    T,
    H,
    W,
    scale,
    K: tl.constexpr,
    M: tl.constexpr,
    N: tl.constexpr,
    DEEP: tl.constexpr,  # whether there is a second layer
    BIASED: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    rows = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    there = rows < P
    columns = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    clip_size = T * H * W
    here = rows % clip_size
    before = (rows - here).to(tl.int64)  # positions of the clips before
    # Channels of the first layer that this program needs: all, or the ones that it writes.
    channels = tl.arange(0, BLOCK_M) if DEEP else columns
    filled = channels < M
    along_t = tl.load(of_offset + channels * 3, mask=filled, other=0.0).to(tl.float32) * scale / T
    along_y = (
        tl.load(of_offset + channels * 3 + 1, mask=filled, other=0.0).to(tl.float32) * scale / H
    )
    along_x = (
        tl.load(of_offset + channels * 3 + 2, mask=filled, other=0.0).to(tl.float32) * scale / W
    )
    own = both + rows.to(tl.int64)[:, None] * (2 * M) + channels[None, :]
    query = tl.load(own, mask=there[:, None] & filled[None, :], other=0.0).to(tl.float32)
    if DEEP:
        second = tl.load(
            weight + columns[None, :] * M + channels[:, None],
            mask=(columns < N)[None, :] & filled[:, None],
            other=0.0,
        )
    best = tl.full([BLOCK_P, BLOCK_N], float("-inf"), tl.float32)
    for n in range(K):
        index = tl.load(indices + rows.to(tl.int64) * K + n, mask=there, other=-1)
        exists = index >= 0
        place = tl.maximum(index, 0)
        at = both + (before + place)[:, None] * (2 * M) + M + channels[None, :]
        pair = query + tl.load(at, mask=exists[:, None] & filled[None, :], other=0.0)
        # Whole numbers are subtracted, so that nothing is lost.
        place = place.to(tl.int32)
        frames = (place // (H * W) - here // (H * W)).to(tl.float32)
        down = (place // W % H - here // W % H).to(tl.float32)
        right = (place % W - here % W).to(tl.float32)
        pair += frames[:, None] * along_t[None, :]
        pair += down[:, None] * along_y[None, :] + right[:, None] * along_x[None, :]
        if DEEP:
            pair = tl.maximum(pair, 0.0, propagate_nan=tl.PropagateNan.ALL).to(second.dtype)
            pair = tl.dot(pair, second, input_precision=PRECISION)
        pair = tl.where(exists[:, None], pair, float("-inf"))
        best = tl.maximum(best, pair, propagate_nan=tl.PropagateNan.ALL)
    if DEEP and BIASED:
        best += tl.load(bias + columns, mask=columns < N, other=0.0).to(tl.float32)[None, :]
    best = tl.maximum(best, 0.0, propagate_nan=tl.PropagateNan.ALL)
    at = out + rows.to(tl.int64)[:, None] * N + columns[None, :]
    tl.store(at, best, mask=there[:, None] & (columns < N)[None, :])


# B, T, rows, columns, C, K and the widths of the pair MLP, as in ResNet-34 and -101.
SHAPES = [
    (16, 8, 14, 14, 256, 8, (64, 128)),
    (16, 8, 14, 14, 128, 8, (32, 64)),
    (16, 8, 14, 14, 128, 4, (128,)),
    (1, 8, 14, 14, 256, 8, (64, 128)),
    (4, 32, 14, 14, 256, 8, (64, 128)),
]
DRY_SHAPES = [(1, 3, 3, 3, 8, 2, (4, 6))]


def time_all(write: Write, *, dry: bool) -> None:
    """Check the kernel against the plain embedding in float64, and time both."""
    device, rows = device_of(dry), []
    for B, T, H, W, C, K, widths in DRY_SHAPES if dry else SHAPES:
        for dtype in (torch.bfloat16, torch.float32):
            torch.manual_seed(0)
            features = torch.randn(B, T, H * W, C, device=device).to(dtype)
            indices = knn_proposals(features, K).indices
            sizes = [2 * C + 3, *widths]
            weights = [
                torch.randn(b, a, device=device) / a**0.5 for a, b in itertools.pairwise(sizes)
            ]
            layers = [PairLayer(w.to(dtype), w[:, 0].to(dtype)) for w in weights]
            fused = functools.partial(embed, features, indices, (H, W), layers, 16.0)
            ordinary = functools.partial(
                pair_embedding, features, indices, (H, W), layers, offset_scale=16.0, padded=False
            )
            row: dict[str, Any] = {
                "shape": [B, T, H, W, C, K],
                "widths": widths,
                "dtype": str(dtype),
            }
            with torch.inference_mode():
                wide = [PairLayer(w.double(), b.double()) for w, b, _ in layers]
                right = pair_embedding(
                    features.double(), indices, (H, W), wide, offset_scale=16.0, padded=False
                )
                for name, call in (("fused", fused), ("plain", ordinary)):
                    try:
                        error = (call().double() - right).abs().max() / right.abs().max()
                        row[name] = {"error": error.item(), **measure(call, device)._asdict()}
                    except Exception as problem:  # its failure is its result
                        row[name] = {"failed": " ".join(str(problem).split())[:200]}
            print(*row.values(), flush=True)
            rows.append(row)
            write({"embeddings": rows})
