"""What a measured number depends on besides its settings: the processor and the software."""

import importlib.metadata
import os
import platform
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import torch

from motionlens._utils.version import __version__


def machine(device: torch.device) -> dict[str, Any]:
    """The processor, the number of threads, and the versions that decide the speed.

    Args:
        device: the one that is measured.
    """
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": name,
        "threads": torch.get_num_threads(),
        **{package: _version(package) for package in ("motionlens", "torch", "triton", "av")},
        "python": platform.python_version(),
        "system": platform.system(),
    }


def versions() -> dict[str, str | None]:
    """Versions of the software that decides a training run's numbers, and the code's git hash."""
    return {
        "motionlens": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in ("torch", "lightning", "kornia", "av", "numpy")},
        "git": _git_hash(),
    }


def _processor() -> str:
    """The processor's name, as far as the system gives one, and its number of cores."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = re.search(r"^model name\s*: (.*)", info.read_text(encoding="utf-8"), re.MULTILINE)
        name = found[1].strip() if found else name
    return f"{name}, {os.cpu_count()} cores"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_hash() -> str | None:
    """Hash of the checkout that this file lies in, "-changed" if it was edited; None outside."""
    here = Path(__file__).resolve()
    git = partial(subprocess.run, cwd=here.parent, capture_output=True, text=True, timeout=10)
    try:
        if git(["git", "ls-files", "--error-unmatch", here.name]).returncode:
            return None
        describe = "git describe --always --abbrev=40 --exclude=* --dirty=-changed"
        return git(describe.split()).stdout.strip() or None
    except (OSError, subprocess.TimeoutExpired):
        return None
