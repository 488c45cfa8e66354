"""Packages that only some need: imported when they are used, with a hint where they are missing."""

from __future__ import annotations

import importlib
from typing import Any


def require(name: str, extra: str) -> Any:
    """Import a package of an extra.

    Args:
        name: of the module.
        extra: of cpnet that brings it.

    Raises:
        ImportError: If it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise ImportError(
            f"this needs {name}, which is not installed: pip install 'cpnet[{extra}]'"
        ) from None
