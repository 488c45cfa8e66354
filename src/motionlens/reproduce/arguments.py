"""Checks of the arguments of an experiment, and the command line that stands for them."""

import shlex
from collections.abc import Mapping
from typing import Any

from motionlens._utils.checks import check_at_least
from motionlens.reproduce.grids import EXPERIMENTS, Experiment


def check_arguments(
    experiment: Experiment, training: Mapping[str, Any], *, seeds: int | None, jobs: int | None
) -> None:
    """Make sure that the arguments fit the experiment and each other.

    Args:
        experiment: the experiment.
        training: the data, and arguments of training on it.
        seeds: runs of each network; None for the default.
        jobs: toy networks at the same time; None for the default.

    Raises:
        ValueError: If they do not.
    """
    name, data = experiment.name, training["data"]
    check_counts(seeds=seeds, jobs=jobs, epochs=training["epochs"], devices=training["devices"])
    if experiment.needs == "data" and data is None:
        raise ValueError(
            f"{name} needs videos, got no --data; 'motionlens motion' draws some, 'motionlens "
            "prepare' reads a copy of a public data set"
        )
    if experiment.needs == "nothing" and data is not None:
        raise ValueError(f"{name} makes its own data; leave --data out")
    given = [option for option, value in training.items() if value and (option, value) != _DEFAULT]
    if experiment.suite:
        given = [option for option in given if option in ("data", "validation")]
    if data is None and given:
        raise ValueError(
            f"{given[0]} is of networks that train on data, and {name} without --data has none; "
            f"leave --{given[0]} out"
        )
    if jobs is not None and (data is not None or not experiment.toy):
        toys = ", ".join(one.name for one in EXPERIMENTS.values() if one.toy)
        raise ValueError(
            f"jobs is of the toy's networks, which {toys} train without --data; leave --jobs out"
        )


def check_counts(**counts: int | None) -> None:
    """Make sure that the given numbers are at least 1.

    Raises:
        ValueError: If one is not.
    """
    check_at_least(1, **{name: value for name, value in counts.items() if value is not None})


def command_line(name: str, options: Mapping[str, Any]) -> str:
    """The command line that means the same."""
    words = ["motionlens", *name.split()]
    for option, value in options.items():
        if value and (option, value) != _DEFAULT:
            values = value if isinstance(value, (list, tuple)) else [value]
            words += [f"--{option}", *map(str, values)]
    return shlex.join(words)


_DEFAULT = ("devices", 1)
