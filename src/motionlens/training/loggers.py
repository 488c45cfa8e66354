"""Experiment trackers: any Lightning logger, named by its class path."""

import importlib
import inspect
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger

from motionlens._utils.errors import one_line
from motionlens.training.recipe import LogConfig

# Where names without a module are looked up.
_HOME = "lightning.pytorch.loggers"


def logger_class(path: str) -> type[Logger]:
    """Import a logger's class.

    Args:
        path: module and class joined by a dot, or the class alone if it is one of Lightning's.

    Raises:
        ValueError: If it cannot be imported or is no logger.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module or _HOME), name)
    except Exception as error:  # a module may raise anything while it is imported
        raise ValueError(
            f"log.logger must be the path of a class such as {_HOME}.CSVLogger, got {path}, which "
            f"cannot be imported ({one_line(error)}); correct it or install its package"
        ) from None
    if not (isinstance(found, type) and issubclass(found, Logger)):
        raise ValueError(
            f"log.logger must be a subclass of {_HOME}.Logger, {path} is none; name a logger "
            f"such as {_HOME}.CSVLogger"
        )
    return found


def make_logger(config: LogConfig, folder: Path) -> Logger | None:
    """The logger that a recipe names; None if it names none.

    Args:
        config: names the class and its arguments.
        folder: for files, where the class takes a ``save_dir`` and the recipe gives none.

    Raises:
        ValueError: If the class cannot be imported, is no logger, refuses its arguments, or needs
            a package that is not installed.
    """
    if config.named_logger is None:
        return None
    path, arguments = config.named_logger
    kind = logger_class(path)
    known: Any = inspect.signature(kind).parameters
    if "save_dir" in known:
        arguments = {"save_dir": str(folder), **arguments}
    try:
        return kind(**arguments)
    except ImportError as error:
        raise ValueError(
            f"log.logger {path} needs a package that is not installed: {one_line(error)}; install "
            "it or leave log.logger out"
        ) from None
    except Exception as error:  # each logger has its own
        raise ValueError(
            f"log.logger {path} cannot be made with init_args {sorted(arguments)}: "
            f"{one_line(error)}; it knows {', '.join(known)}"
        ) from None
