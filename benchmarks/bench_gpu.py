"""Check and time the search for proposals on a GPU.

Usage, in the root of the repository: ``PYTHONPATH=src python benchmarks/bench_gpu.py OUT.json``.
Needs torch, Triton and numpy alone, and a CUDA device; ``--dry`` runs everything once at tiny
shapes on the CPU instead, the kernel in Triton's interpreter, to test this file.

Compared are the whole search from features to distances (``search``), its kernel alone
(``kernel``), the reference (``reference``), one product in the features' own dtype and ``topk``
(``baddbmm``; less exact in half precision, and no distances), the same through ``torch.compile``
(``compiled``), and ``flash_knn`` of flashlib where it is installed (it finds the own frame, too).
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import json
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from timing import measure
from torch import Tensor

from motionlens.ops import proposals_reference

K = 8
PRECISIONS = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
# B, T, S, C: the frames that CP modules see in ResNets, 8 and 32 of 14 x 14.
SHAPES = [(B, T, 196, C) for B in (1, 32) for T in (8, 32) for C in (128, 256, 512)]
DRY_SHAPES = [(1, 3, 10, 16)]
# Besides, these are checked: shape, metric, window, causal.
ODD = (2, 5, 49, 100)
CHECKS = [
    (ODD, metric, window, causal)
    for metric in ("l2", "dot", "cosine")
    for window, causal in ((None, False), (2, False), (1, True), (None, True))
]
DRY_CHECKS = [((1, 3, 10, 16), "dot", 1, True)]

# What the kernel may differ from the reference by: share of indices, and relative distance.
TOLERANCES = {
    "fp32": (1e-3, 2e-5),
    "tf32": (5e-2, 1e-2),
    "bf16": (1e-3, 2e-5),
    "fp16": (1e-3, 2e-5),
}


def baddbmm_topk(points: Tensor, bias: Tensor, T: int) -> Tensor:
    """Indices by one product with its bias, the own frames masked, and ``topk``."""
    B, N, _ = points.shape
    scores = torch.baddbmm(bias[:, None, :], points, points.mT).view(B, T, N // T, T, N // T)
    own = torch.eye(T, dtype=torch.bool, device=points.device)[:, None, :, None]
    return scores.masked_fill(own, -torch.inf).view(B, N, N).topk(K).indices


def contenders(
    features: Tensor, precision: str, kernel: Any, *, dry: bool
) -> Iterator[tuple[str, Callable[[], object]]]:
    """What is timed: names and calls without arguments."""
    B, T, S, C = features.shape
    points = features.view(B, T * S, C)
    bias = (-points.float().square().sum(-1) / 2).to(features.dtype)
    if kernel is not None:
        way = {"precision": "tf32"} if precision == "tf32" else {}
        yield "search", lambda: kernel.search(features, K, "l2", None, False, **way)
        scoring = kernel._prepare(points, "l2")
        scores = scoring.bias.new_empty(B, T * S, K)
        indices = torch.empty_like(scores, dtype=torch.int64)
        mask = (T, T, False, way.get("precision", "tf32x3"))
        yield (
            "kernel",
            lambda: kernel._launch(scoring.points, scoring.bias, scores, indices, *mask),
        )
    yield "reference", lambda: proposals_reference.search(features, K, "l2", None, False)
    yield "baddbmm", lambda: baddbmm_topk(points, bias, T)
    compiled = torch.compile(baddbmm_topk, backend="eager" if dry else "inductor", dynamic=False)
    yield "compiled", lambda: compiled(points, bias, T)
    if (peer := flash_knn()) is not None:
        yield "flash_knn", lambda: peer(points, points, K)


@functools.cache
def flash_knn() -> Callable[..., object] | None:
    try:
        from flashlib import flash_knn as peer
    except ImportError:
        return None
    found: Callable[..., object] = peer
    return found


def time_case(
    shape: tuple[int, ...], precision: str, kernel: Any, device: torch.device
) -> dict[str, Any]:
    """Time all contenders on one shape; what fails, such as for want of memory, says why."""
    torch.manual_seed(0)
    features = torch.randn(shape, device=device).to(PRECISIONS[precision])
    row: dict[str, Any] = {"shape": list(shape), "precision": precision}
    torch.compiler.reset()
    for name, call in contenders(features, precision, kernel, dry=device.type == "cpu"):
        try:
            row[name] = measure(call, device)._asdict()
        except Exception as error:  # one contender's failure is its result, not everybody's
            row[name] = {"failed": " ".join(str(error).split())[:200]}
            if device.type == "cuda":
                torch.cuda.empty_cache()
        print(shape, precision, name, *row[name].values(), flush=True)
    return row


def check_case(
    shape: tuple[int, ...],
    precision: str,
    metric: str,
    window: int | None,
    causal: bool,
    kernel: Any,
    device: torch.device,
) -> dict[str, Any]:
    """Compare the kernel with the reference: share of other indices, error of the distances."""
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = False
    features = torch.randn(shape, device=device).to(PRECISIONS[precision])
    way = {"precision": "tf32"} if precision == "tf32" else {}
    options = (features, K, metric, window, causal)
    indices, distances = kernel.search(*options, **way)
    expected_indices, expected = proposals_reference.search(*options)
    mismatch = (indices != expected_indices).float().mean().item()
    there = expected.isfinite()
    error = ((distances - expected)[there].abs().max() / expected[there].abs().max()).item()
    most_mismatch, most_error = TOLERANCES[precision]
    right = mismatch <= most_mismatch and error <= most_error
    right = right and torch.equal(distances.isfinite(), there)
    row = {"shape": list(shape), "precision": precision, "metric": metric, "window": window}
    row |= {"causal": causal, "right": right, "other_indices": mismatch, "error": error}
    print("check", *row.values(), flush=True)
    return row


def ceilings(device: torch.device) -> dict[str, float]:
    """What the machine reaches at best: copies in GB/s, products in TFLOP/s by precision."""
    dry = device.type == "cpu"
    numbers, size = (2**12, 32) if dry else (2**30, 8192)
    source = torch.randn(numbers, device=device)
    target = torch.empty_like(source)
    copied = measure(lambda: target.copy_(source), device)
    reached = {"copy_gb_s": 2 * 4 * numbers / copied.median_ms / 1e6}
    for precision, dtype in PRECISIONS.items():
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        out = torch.empty_like(left)
        product = measure(functools.partial(torch.mm, left, right, out=out), device)
        reached[f"{precision}_tflop_s"] = 2 * size**3 / product.median_ms / 1e9
    return reached


def least_ms(row: dict[str, Any], reached: dict[str, float]) -> float:
    """The floor of a case: its operations or its bytes at the machine's own best rates."""
    B, T, S, C = row["shape"]
    operations = 2 * B * T * (T - 1) * S * S * C
    width = PRECISIONS[row["precision"]].itemsize
    moved = B * T * S * (C * width + K * (4 + 8))
    return max(
        operations / reached[f"{row['precision']}_tflop_s"] / 1e9,
        moved / reached["copy_gb_s"] / 1e6,
    )


def versions(device: torch.device) -> dict[str, str | None]:
    found: dict[str, str | None] = {"python": platform.python_version(), "torch": torch.__version__}
    for name in ("triton", "flashlib"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    found["device"] = "CPU" if device.type == "cpu" else torch.cuda.get_device_name(device)
    found["cuda"] = torch.version.cuda
    return found


def load_kernel() -> Any:
    try:
        from motionlens.ops import proposals_triton
    except ImportError:
        return None
    return proposals_triton


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path, help="JSON file for the results")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--dry", action="store_true", help="tiny shapes on the CPU")
    options = parser.parse_args()
    if options.dry:
        os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported
    elif not torch.cuda.is_available():
        parser.error("needs a CUDA device; --dry does without")
    device = torch.device("cpu" if options.dry else "cuda")
    kernel = load_kernel()
    if kernel is None and not options.dry:
        parser.error("needs Triton: pip install triton")
    shapes = DRY_SHAPES if options.dry else SHAPES
    cases = [(shape, precision) for shape in shapes for precision in options.precision]
    result: dict[str, Any] = {"command": "python benchmarks/bench_gpu.py OUT.json"}
    result |= {"dry": options.dry, "k": K, "versions": versions(device)}
    checks = [(shape, "l2", None, False) for shape in shapes]
    checks += DRY_CHECKS if options.dry else CHECKS
    result["checks"] = [
        check_case(shape, precision, *search, kernel, device)
        for shape, *search in checks
        for precision in options.precision
        if kernel is not None
    ]
    result["ceilings"] = ceilings(device)
    result["times"] = []
    for shape, precision in cases:
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        row = time_case(shape, precision, kernel, device)
        row["least_ms"] = least_ms(row, result["ceilings"])
        if kernel is not None:
            row["config"] = str(kernel._search_kernel.best_config)
            print(shape, precision, "least", row["least_ms"], "ms;", row["config"], flush=True)
        result["times"].append(row)
        options.out.write_text(json.dumps(result, indent=1) + "\n")  # what is done is kept
    if not all(row["right"] for row in result["checks"]):
        raise SystemExit("the kernel disagrees with the reference; see checks in the result")


if __name__ == "__main__":
    main()
