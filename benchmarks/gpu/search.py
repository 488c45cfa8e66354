"""Check and time the search for proposals on a GPU.

Compared are the whole search from features to distances (``search``), its kernel alone
(``kernel``), the reference (``reference``), one product in the features' own dtype and ``topk``
(``baddbmm``; less exact in half precision, and no distances), the same through ``torch.compile``
(``compiled``), and ``flash_knn`` of flashlib where it is installed (it finds the own frame, too).
"""

from __future__ import annotations

import functools
import itertools
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from gpu.timing import device_of, measure
from torch import Tensor

from motionlens.ops import proposals_reference

Write = Callable[[dict[str, Any]], None]

K = 8
PRECISIONS = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
# B, T, S, C: the frames that CP modules see in ResNets, 8 and 32 of 14 x 14.
SHAPES = [(B, T, 196, C) for C in (256, 128, 512) for B in (1, 32) for T in (8, 32)]
# Only at these channels are other precisions than bfloat16, and compiled code, timed.
MAIN_CHANNELS = 256
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
    if (C == MAIN_CHANNELS and precision in ("bf16", "fp32")) or dry:
        backend = "eager" if dry else "inductor"
        compiled = torch.compile(baddbmm_topk, backend=backend, dynamic=False)
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


def load_kernel(dry: bool) -> Any:
    """The kernel's module; None on a CPU without Triton."""
    try:
        from motionlens.ops import proposals_triton
    except ImportError:
        if not dry:
            raise
        return None
    return proposals_triton


def time_configs(
    shape: tuple[int, ...], precision: str, kernel: Any, device: torch.device
) -> dict[str, float]:
    """Milliseconds of the kernel with each of its tile shapes; those that fail are left out."""
    features = torch.randn(shape, device=device).to(PRECISIONS[precision])
    launch = dict(contenders(features, precision, kernel, dry=device.type == "cpu"))["kernel"]
    tuner, found = kernel._search_kernel, {}
    configs, tuner.configs = tuner.configs, []
    for config in configs:
        if (shape[3] + -shape[3] % kernel.CHANNELS) % config.kwargs["BLOCK_C"]:
            continue
        tuner.configs = [config]
        try:
            found[str(config)] = measure(launch, device, seconds=0.03).median_ms
        except Exception as error:  # too large for this device
            print(config, " ".join(str(error).split())[:100], flush=True)
    tuner.configs = configs
    return dict(sorted(found.items(), key=lambda item: item[1]))


def build_all(precisions: Sequence[str], *, dry: bool) -> float:
    """Fill Triton's cache of built kernels, a process for each kind; how long that took, seconds.

    One after the other, as searches come, building takes longer than all that is timed.
    """
    if dry:
        return 0.0
    begun = time.monotonic()
    numbers = range(len(load_kernel(dry)._search_kernel.configs))
    kinds = itertools.product((256, 128, 512), precisions, numbers)
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.starmap(build, kinds, chunksize=4)
    return time.monotonic() - begun


def build(C: int, precision: str, number: int) -> None:
    """Build the kernel with one of its tile shapes, by a small search."""
    kernel = load_kernel(False)
    features = torch.randn(1, 2, 196, C, device="cuda").to(PRECISIONS[precision])
    way = {"precision": "tf32"} if precision == "tf32" else {}
    tuner = kernel._search_kernel
    configs, tuner.configs = tuner.configs, [tuner.configs[number]]
    try:
        if C % tuner.configs[0].kwargs["BLOCK_C"] == 0:
            kernel.search(features, K, "l2", None, False, **way)
    except Exception as error:  # too large for this device
        print(tuner.configs[0], " ".join(str(error).split())[:100], flush=True)
    finally:
        tuner.configs = configs


def check_all(precisions: Sequence[str], write: Write, *, dry: bool) -> None:
    """Compare the kernel with the reference at all shapes, metrics and masks.

    Raises:
        SystemExit: If they disagree anywhere.
    """
    device, kernel = device_of(dry), load_kernel(dry)
    if kernel is None:
        write({"skipped": "Triton is not installed"})
        return
    cases = [(shape, "l2", None, False) for shape in (DRY_SHAPES if dry else SHAPES)]
    cases += DRY_CHECKS if dry else CHECKS
    rows: list[dict[str, Any]] = []
    build_s = build_all(precisions, dry=dry)
    print("built in", build_s, "s", flush=True)
    for shape, *search in cases:
        for precision in precisions:
            rows.append(check_case(shape, precision, *search, kernel, device))
            write({"k": K, "build_s": build_s, "checks": rows})
    if not all(row["right"] for row in rows):
        raise SystemExit("the kernel disagrees with the reference; see checks in the result")


def time_all(precisions: Sequence[str], write: Write, *, dry: bool) -> None:
    """Time the contenders at all shapes, beside the least that the machine could take."""
    device, kernel = device_of(dry), load_kernel(dry)
    result: dict[str, Any] = {"k": K, "ceilings": ceilings(device), "times": []}
    for shape in DRY_SHAPES if dry else SHAPES:
        main = dry or shape[3] == MAIN_CHANNELS
        for precision in precisions if main else [p for p in precisions if p == "bf16"]:
            torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
            row = time_case(shape, precision, kernel, device)
            row["least_ms"] = least_ms(row, result["ceilings"])
            if kernel is not None:
                row["configs_ms"] = time_configs(shape, precision, kernel, device)
                least = min(row["configs_ms"], key=row["configs_ms"].get)
                print(shape, precision, "least", row["least_ms"], "ms;", least, flush=True)
            result["times"].append(row)
            write(result)
