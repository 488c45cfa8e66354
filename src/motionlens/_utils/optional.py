"""Packages that only some uses need."""

import importlib
from typing import Any

# What a hint tells a user to install: the clone, until the name is registered.
_SOURCE = "."


def install_hint(extra: str) -> str:
    """The command that installs an extra of this package.

    Example:
        >>> install_hint("export")
        "pip install '.[export]'"
    """
    return f"pip install '{_SOURCE}[{extra}]'"


def require(name: str, extra: str) -> Any:
    """Import a package that an extra of this one brings.

    Args:
        name: of the package, as it is imported.
        extra: of motionlens, that lists it.

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
            f"{name} is needed here and not installed: {install_hint(extra)}"
        ) from None
