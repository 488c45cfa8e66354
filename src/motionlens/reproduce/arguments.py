"""What the user may ask of an experiment, and the command line that asks for it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from motionlens.datasets.source import ListingConfig
from motionlens.reproduce.grids import EXPERIMENTS, Experiment


def check_arguments(
    experiment: Experiment, source: Mapping[str, Any], counts: Mapping[str, int | None]
) -> None:
    """Make sure that the arguments of an experiment go together.

    Args:
        experiment: that they are for.
        source: arguments of trainings on data, and the data.
        counts: numbers that must be at least 1; None where the default is taken.

    Raises:
        ValueError: If they do not.
    """
    name, data = experiment.name, source["data"]
    check_counts({**counts, "epochs": source["epochs"], "devices": source["devices"]})
    if experiment.needs == "data" and data is None:
        raise ValueError(
            f"{name} needs videos, got no --data; 'motionlens motion' draws some, 'motionlens "
            "prepare' reads a copy of a public data set"
        )
    if experiment.needs == "nothing" and data is not None:
        raise ValueError(f"{name} makes its own data; leave --data out")
    for option, value in source.items():
        if data is None and value != (1 if option == "devices" else None):
            raise ValueError(
                f"{option} is of networks that train on data, and {name} without --data has none; "
                f"leave --{option} out"
            )
    if counts["jobs"] is not None and (data is not None or not experiment.toy):
        toys = ", ".join(one.name for one in EXPERIMENTS.values() if one.toy)
        raise ValueError(
            f"jobs is of the toy's networks, which {toys} train without --data; leave --jobs out"
        )


def check_counts(counts: Mapping[str, int | None]) -> None:
    """Make sure that numbers that are given are at least 1.

    Raises:
        ValueError: If one is not.
    """
    for name, value in counts.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")


def listing_options(listing: ListingConfig | None) -> dict[str, Any]:
    """What of a listing differs from the default, as options of the command."""
    default, values = vars(ListingConfig()), vars(listing or ListingConfig())
    return {f"listing.{name}": v for name, v in values.items() if v != default[name]}


def command_line(name: str, options: Mapping[str, Any]) -> str:
    """The command line that means the same."""
    words = ["motionlens", *name.split()]
    for option, value in options.items():
        if value and (option, value) != ("devices", 1):
            values = value if isinstance(value, (list, tuple)) else [value]
            words += [f"--{option}", *map(str, values)]
    return shlex.join(words)
