"""Time whole networks on a GPU: clips per second, and where the time goes.

Networks are the paper's: ResNet-18, 34 and 101 with CP modules, frame by frame, and with non-local
blocks, at 8 and 32 frames of 224 x 224, in bfloat16: inference with norms folded and weights of
bfloat16, training under autocast with weights of float32, as ``train`` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from gpu.timing import device_of, measure
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from motionlens.models.optimize import optimize, to_channels_last
from motionlens.models.registry import create_model

Write = Callable[[dict[str, Any]], None]
Call = Callable[[], object]
FORMS = ("cpnet", "c2d", "nl_c2d")


class Size(NamedTuple):
    """Clips of a case."""

    backbone: str
    batch: int
    frames: int
    size: int


SIZES = [
    Size("resnet34", 16, 8, 224),
    Size("resnet34", 1, 8, 224),
    Size("resnet34", 4, 32, 224),
    Size("resnet101", 16, 8, 224),
    Size("resnet18", 16, 8, 224),
    Size("nano", 64, 8, 64),
    Size("resnet101", 4, 32, 224),
    Size("resnet18", 4, 32, 224),
]
DRY_SIZES = [Size("nano", 1, 4, 32)]
# Sizes that are compiled, too, which takes half a minute each.
COMPILED = SIZES[:2]


def time_all(write: Write, *, dry: bool) -> None:
    """Time all networks; the compiled ones at the end."""
    device = device_of(dry)
    sizes = DRY_SIZES if dry else SIZES
    rows = [{**size._asdict(), **{form: {} for form in FORMS}} for size in sizes]
    for size, row in zip(sizes, rows, strict=True):
        for form in FORMS:
            for mode, call in calls(form, size, device):
                row[form][mode] = timed(call, size, device)
                print(*size, form, mode, *row[form][mode].values(), flush=True)
            if not dry:
                torch.cuda.empty_cache()
        write({"networks": rows})
    for size, row in zip(sizes, rows, strict=True):
        for form in FORMS[:2] if size in COMPILED else ():
            torch.compiler.reset()
            network, clips = case(form, size, device)
            call = inference(network, clips, compiled=True)
            row[form]["compiled inference"] = timed(call, size, device)
            print(*size, form, "compiled", *row[form]["compiled inference"].values(), flush=True)
            write({"networks": rows})


def timed(call: Call, size: Size, device: torch.device) -> dict[str, Any]:
    """The time of a call and its clips per second; or why it failed, which is its result."""
    try:
        time = measure(call, device)
    except Exception as error:
        return {"failed": " ".join(str(error).split())[:200]}
    return time._asdict() | {"clips_per_s": size.batch / time.median_ms * 1e3}


def calls(form: str, size: Size, device: torch.device) -> Iterator[tuple[str, Call]]:
    """What is timed of a network, by name."""
    network, clips = case(form, size, device)
    yield "inference", inference(network, clips)
    yield "training", training(network, clips)


def case(form: str, size: Size, device: torch.device) -> tuple[nn.Module, Tensor]:
    """A network whose modules have an effect, and clips for it."""
    network = create_model(f"{form}_{size.backbone}", num_classes=174).to(device)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.ones_(module.weight)  # the modules' last norms start at zero
    return network, torch.randn(size.batch, 3, size.frames, size.size, size.size, device=device)


def inference(network: nn.Module, clips: Tensor, *, compiled: bool = False) -> Call:
    fast, clips = optimize(network, dtype=torch.bfloat16), clips.bfloat16()
    if compiled:
        fast.compile(mode="reduce-overhead")  # with CUDA graphs

    def run() -> Tensor:
        with torch.inference_mode():
            return fast(clips)  # type: ignore[no-any-return]

    return run


def training(network: nn.Module, clips: Tensor) -> Call:
    to_channels_last(network.train())

    def run() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast(clips.device.type, torch.bfloat16):
            loss = network(clips).float().logsumexp(1).mean()
        loss.backward()

    return run


def profile_all(write: Write, *, dry: bool) -> None:
    """List the kernels of one inference and one training step of CPNet, the longest first."""
    device = device_of(dry)
    size = DRY_SIZES[0] if dry else SIZES[0]
    found: dict[str, Any] = dict(size._asdict())
    for mode, call in calls("cpnet", size, device):
        for _ in range(3):
            call()
        kinds = [ProfilerActivity.CPU] + ([] if dry else [ProfilerActivity.CUDA])
        with profile(activities=kinds, acc_events=True) as profiled:
            call()
            if not dry:
                torch.cuda.synchronize()
        by = "self_cpu_time_total" if dry else "self_device_time_total"
        averages = profiled.key_averages()
        events = sorted(averages, key=lambda event: getattr(event, by), reverse=True)
        found[mode] = [
            {"name": e.key[:150], "ms": round(getattr(e, by) / 1e3, 4), "calls": e.count}
            for e in events[:80]
            if getattr(e, by) > 0
        ]
        print(averages.table(sort_by=by, row_limit=40, max_name_column_width=60), flush=True)
        write({"profile": found})
