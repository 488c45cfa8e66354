"""PyTorch, ONNX Runtime and OpenVINO on the same networks: float32 and INT8, one clip at a time.

Usage: ``python benchmarks/int8_speed.py OUT.json [NETWORK...]``; OpenVINO is measured where it is
installed (``pip install openvino``). Weights are random, which no time depends on. The file is
written anew after every network.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor

from motionlens._utils.machine import machine
from motionlens.clips.preprocessing import Preprocessing
from motionlens.clips.sampling import Sampling
from motionlens.export.exporting import quiet
from motionlens.export.formats import write_onnx
from motionlens.export.graph import prepare, trace
from motionlens.export.int8 import quantise
from motionlens.inference.card import ModelCard
from motionlens.models.optimize import optimize

# Name to rows and columns of its clips of 8 frames, and options.
NETWORKS: dict[str, tuple[int, dict[str, Any]]] = {
    "cpnet_resnet18": (112, {"stem_stride": 1}),
    "cpnet_resnet34": (112, {"stem_stride": 1}),
    "cpnet_nano": (64, {}),
    "c2d_nano": (64, {}),
    "c3d_nano": (64, {}),
}
# Turns of a network, unless two take longer.
SECONDS = 15
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")


def main(out: str, *names: str) -> None:
    torch.manual_seed(0)
    cpu = Path("/proc/cpuinfo")
    words = set(re.findall(r"\w+", cpu.read_text())) if cpu.exists() else set()
    about = {
        "command": "python benchmarks/int8_speed.py OUT.json",
        "machine": machine(torch.device("cpu")),
        "vector_instructions": [flag for flag in FLAGS if flag in words],
        "versions": {name: _version(name) for name in ("onnxruntime", "openvino")},
        "load_before": os.getloadavg(),
    }
    rows = []
    for name in names or NETWORKS:
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            rows.append(measure(name, Path(folder)))
        about |= {"load_after": os.getloadavg()}
        Path(out).write_text(json.dumps({**about, "networks": rows}, indent=1) + "\n")
        times = ", ".join(
            f"{key} {value['median_ms']:.1f} ({value['median_cpu_ms']:.1f})"
            for key, value in rows[-1]["ms"].items()
        )
        print(f"{name}, ms (processor time): {times}", flush=True)


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Times of one network, and where ONNX Runtime spends them."""
    size, options = NETWORKS[name]
    card = ModelCard(
        model=name,
        options=options,
        class_names=tuple(map(str, range(27))),
        sampling=Sampling(8, 4),
        preprocessing=Preprocessing(size, size),
    )
    model = card.build().eval()
    net, small = folder / "float32.onnx", folder / "int8.onnx"
    with quiet(), torch.no_grad():
        write_onnx(trace(prepare(model, "reference"), card), net)
    quantise(net, small, torch.randn(2, *card.clip_shape))
    clips = torch.randn(1, *card.clip_shape)
    network = optimize(model)
    runs = {
        "PyTorch": lambda: network(clips),
        "ONNX Runtime float32": onnx_run(net, clips),
        "ONNX Runtime INT8": onnx_run(small, clips),
    }
    if _version("openvino"):
        runs |= {
            "OpenVINO float32": openvino_run(net, clips),
            "OpenVINO INT8": openvino_run(small, clips),
        }
    return {
        "network": name,
        "clip": list(card.clip_shape),
        "megabytes": [round(path.stat().st_size / 1e6, 1) for path in (net, small)],
        "ms": measure_in_turns(runs),
        "profile_ms": {"float32": profile(net, clips), "INT8": profile(small, clips)},
    }


def measure_in_turns(runs: dict[str, Callable[[], object]]) -> dict[str, dict[str, Any]]:
    """Milliseconds that passed, and of processor time, which other programs disturb less.

    In a turn each alternative runs three times, the first of which does not count.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    end, turns = time.perf_counter() + SECONDS, 0
    while turns < 2 or time.perf_counter() < end:
        turns += 1
        for name, run in runs.items():
            run()
            for _ in range(2):
                began, used = time.perf_counter(), time.process_time()
                run()
                passed = time.perf_counter() - began, time.process_time() - used
                times[name].append((1e3 * passed[0], 1e3 * passed[1]))
    found = {}
    for name, taken in times.items():
        passed_ms, cpu_ms = zip(*taken, strict=True)
        found[name] = {
            "median_ms": round(statistics.median(passed_ms), 2),
            "least_ms": round(min(passed_ms), 2),
            "median_cpu_ms": round(statistics.median(cpu_ms), 2),
            "least_cpu_ms": round(min(cpu_ms), 2),
            "runs": len(taken),
        }
    return found


def onnx_run(path: Path, clips: Tensor) -> Callable[[], object]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    return lambda: session.run(["logits"], {"clips": clips.numpy()})


def openvino_run(path: Path, clips: Tensor) -> Callable[[], object]:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    return lambda: compiled({"clips": clips.numpy()})["logits"]


def profile(path: Path, clips: Tensor, repeats: int = 3) -> dict[str, float]:
    """Milliseconds of each kind of operator, the least of some runs; the five that take most."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    options.enable_profiling = True
    options.profile_file_prefix = str(path.with_suffix(""))
    session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    for _ in range(repeats):
        session.run(["logits"], {"clips": clips.numpy()})
    times = defaultdict(list)
    for event in json.loads(Path(session.end_profiling()).read_text()):
        if event["name"].endswith("_kernel_time"):
            times[event["name"], event["args"]["op_name"]].append(event["dur"] / 1e3)
    total: Counter[str] = Counter()
    for (_, kind), taken in times.items():
        total[kind] += min(taken)
    most = dict(total.most_common(5))
    return {k: round(v, 2) for k, v in {**most, "all": sum(total.values())}.items()}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    main(*sys.argv[1:])
