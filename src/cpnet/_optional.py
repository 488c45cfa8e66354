"""Packages that only some uses need."""

from __future__ import annotations

import importlib
from typing import Any


def require(name: str, extra: str) -> Any:
    """Import a package that an extra of this one brings.

    Args:
        name: of the package, as it is imported.
        extra: of cpnet, that lists it.

    Returns:
        The module.

    Raises:
        ImportError: If it is not installed; the message says how to install it.

    Example:
        >>> require("math", "export").sqrt(4)
        2.0
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # it is there, and misses something itself
        raise ImportError(
            f"{name} is needed here and not installed: pip install 'cpnet[{extra}]'"
        ) from None
