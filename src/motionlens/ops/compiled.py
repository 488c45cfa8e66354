"""What Numba compiles, where it can be had."""

import functools
import importlib
from types import ModuleType


@functools.cache
def numba_module(name: str) -> ModuleType | None:
    """A module of :mod:`motionlens.ops`, imported when first needed; None without Numba."""
    try:
        return importlib.import_module(f"motionlens.ops.{name}")
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("", "numba", "llvmlite"):
            raise
        return None
