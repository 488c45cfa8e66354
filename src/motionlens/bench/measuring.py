"""Run the suites of ``motionlens bench`` and write what they measured."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from motionlens._utils.devices import resolve_device
from motionlens._utils.files import check_writable
from motionlens._utils.machine import machine
from motionlens.bench.loading import data_suite
from motionlens.bench.report import Result, markdown, save
from motionlens.bench.suites import Case, Setting, models_suite, ops_suite, search_suite
from motionlens.bench.timing import compare
from motionlens.report.plots.lines import draw_scaling

RESULTS_FILE, TABLES_FILE, PICTURE_FILE = "results.json", "tables.md", "frames.png"

Suite = Literal["search", "ops", "models", "data", "all"]
_SUITES: dict[str, Callable[[Setting], Iterator[Case]]] = {
    "search": search_suite,
    "ops": ops_suite,
    "models": models_suite,
    "data": data_suite,
}


def bench(
    *,
    suite: Suite = "all",
    dtype: torch.dtype | None = None,
    batch_size: int = 1,
    seconds: float = 4.0,
    compile: bool = False,
    quick: bool = False,
    device: str = "auto",
    out: str | os.PathLike[str] | None = None,
    on_case: Callable[[Case], None] | None = None,
) -> tuple[list[Result], dict[str, Any]]:
    """Measure speed and memory of alternatives side by side.

    Args:
        suite: what is measured.
        dtype: number format of weights and features, float32 by default.
        batch_size: clips per batch.
        seconds: seconds for the turns of one case.
        compile: measure compiled alternatives, too.
        quick: measure only the smallest case of each kind.
        device: where to run; auto takes an accelerator if there is one.
        out: folder for results.json, tables.md and, if clips of several lengths were measured,
            frames.png.
        on_case: called before each case.

    Returns:
        The results, and the machine and settings that they depend on.

    Raises:
        ValueError: If a number is not above 0, or the files cannot be written.
    """
    for name, value in (("batch_size", batch_size), ("seconds", seconds)):
        if value <= 0:
            raise ValueError(f"{name} must be above 0, got {value}")
    if out is not None:
        check_writable(out)
        for name in (RESULTS_FILE, TABLES_FILE):
            if Path(out, name).is_dir():
                raise ValueError(f"out must have room for the file {name}, it is a folder there")
    setting = Setting(
        device=resolve_device(device),
        dtype=dtype or torch.float32,
        batch_size=batch_size,
        compiled=compile,
        quick=quick,
    )
    results = []
    for name in _SUITES if suite == "all" else (suite,):
        for case in _SUITES[name](setting):
            if on_case:
                on_case(case)
            measured = compare(
                case.runs,
                setting.device,
                seconds=seconds,
                least=1 if quick else 3,
                memory=name != "data",
            )
            results.append(
                Result(name=case.name, group=case.group, units=case.units, measured=measured)
            )
    kind = str(setting.dtype).removeprefix("torch.")
    about = machine(setting.device) | {"dtype": kind, "batch_size": batch_size}
    if out is not None:
        save(Path(out, RESULTS_FILE), results, about)
        Path(out, TABLES_FILE).write_text(markdown(results), encoding="utf-8")
        _draw(results, Path(out, PICTURE_FILE))
    return results, about


def _draw(results: Sequence[Result], path: Path) -> None:
    """Draw the module's time over the number of frames, if several numbers were measured."""
    costs: dict[str, list[tuple[int, float]]] = {}
    for result in results:
        frames = re.fullmatch(r"res4 (\d+)x14x14, 256 channels", result["name"])
        if frames and result["group"] == "module, inference":
            for label, found in result["measured"].items():
                costs.setdefault(label, []).append((int(frames.group(1)), found["median_ms"]))
    if any(len(points) > 1 for points in costs.values()):
        draw_scaling(costs, path, title="One module on 14x14 positions, 256 channels")
