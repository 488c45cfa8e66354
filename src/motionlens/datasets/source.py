"""Which videos a run or a command means, as it was declared; nothing is opened here.

Needs neither torch nor NumPy, so that ``motionlens train --help`` answers at once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml  # type: ignore[import-untyped]

from motionlens._utils.addresses import as_path
from motionlens._utils.checks import check_number
from motionlens._utils.errors import one_line

# The resolved recipe in a run folder.
RECIPE_FILE = "recipe.yaml"

# Bytes and levels of a recipe.
_MAX_RECIPE, _MAX_DEPTH = 1_000_000, 20

Split = Literal["train", "validation", "test", "all"]


@dataclass(frozen=True, kw_only=True)
class ListingConfig:
    """How videos and labels are found.

    Attributes:
        root: folder that relative paths in a list are relative to; by default that of the list.
        separator: what separates the columns of a list; guessed by default.
        pattern: makes a path of the first column of a list, such as 'videos/{}.mp4'.
        columns: what the columns of a list without headings are, such as 'path,num_frames,label';
            names other than path, label, start and end are ignored. By default path,label and
            perhaps start,end.
        group: what keeps the videos of one person or scene on one side of a split: a column of the
            list, a CSV file of path and group, or a regular expression on the path whose brackets
            capture the group, such as '(anna|ben)_'.
        background: class of what no annotation of a list with start and end covers, such as
            background; a row with empty start, end and label stands for a video that shows no
            action. Streams then say nothing where they see it.
        folds: number of folds for cross-validation, which replace the parts; for --folds.
        fold: the one that validates, from 1.
        validation_fraction: share of each class that validates where no validation part is given.
        per_class: train on so many videos of each class alone, such as 4, to see what more would
            bring; all by default.
        split_seed: decides which videos these are.
        fps: frames per second of folders of pictures, which have none of their own; a prepared data
            set knows its own.
    """

    root: str | None = None
    separator: str | None = None
    pattern: str = "{}"
    columns: str | None = None
    group: str | None = None
    background: str | None = None
    folds: int | None = None
    fold: int | None = None
    validation_fraction: float = 0.2
    per_class: int | None = None
    split_seed: int = 0
    fps: float = 12.0

    def __post_init__(self) -> None:
        check_number("listing.fps", self.fps, above=0, below=math.inf)
        fraction = self.validation_fraction
        check_number("listing.validation_fraction", fraction, above=0, below=1, hint="0.2 is usual")
        if self.per_class is not None:
            check_number("listing.per_class", self.per_class, least=1)
        if self.pattern.count("{}") != 1:
            raise ValueError(
                f"listing.pattern must hold {{}} once, got {self.pattern!r:.99}; "
                "write for example 'videos/{}.mp4'"
            )
        names = self.column_names or ("path", "label")
        for name in ("path", "label"):
            if names.count(name) != 1:
                raise ValueError(
                    f"listing.columns must name {name} once, got {self.columns!r}; write for "
                    "example path,num_frames,label"
                )

        if self.background is not None and (not self.background.strip() or "|" in self.background):
            raise ValueError(
                f"listing.background must be the name of a class, got {self.background!r}; write "
                "for example background"
            )
        if self.folds is None and self.fold is not None:
            raise ValueError("listing.fold needs listing.folds; say how many folds there are")
        if self.folds is not None:
            check_number("listing.folds", self.folds, least=2, hint="5 is usual")
            check_number("listing.fold", self.fold or 1, least=1, most=self.folds)

    @property
    def column_names(self) -> tuple[str, ...] | None:
        """The names in ``columns``; None if there are none."""
        if self.columns is None:
            return None
        return tuple(name.strip() for name in self.columns.split(","))


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """The data of a run, as its recipe declares it.

    Attributes:
        data: folder or list file.
        validation: folder or list file with the validation videos; None if ``data`` holds them.
        listing: how videos and labels are found.
        horizontal_flip: class names that swap when a clip is mirrored; ``"catalog"`` for what the
            prepared data set says; None if the recipe does not say.
    """

    data: str
    validation: str | None = None
    listing: ListingConfig = field(default_factory=ListingConfig)
    horizontal_flip: Mapping[str, str] | Literal["catalog"] | None = None

    @classmethod
    def of_run(cls, run: str | os.PathLike[str]) -> DataSource | None:
        """What the recipe in a run folder declares; None if the folder holds no recipe.

        Raises:
            ValueError: If the recipe cannot be read or declares no usable data.
        """
        path = as_path(run) / RECIPE_FILE
        if not path.is_file():
            return None
        values = read_yaml(path)
        try:
            return cls(
                data=os.fspath(values["data"]),
                validation=values.get("validation"),
                listing=ListingConfig(**values.get("listing", {})),
                horizontal_flip=values.get("augment", {}).get("horizontal_flip"),
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path}: must name the run's data as 'motionlens train' writes it: "
                f"{one_line(error)}; correct it"
            ) from None


def _check_yaml(text: str) -> None:
    """Refuse what a few bytes of YAML can make large, before it is made.

    Raises:
        ValueError: For aliases, of which one of another of another is as large as no memory, and
            for too many levels.
    """
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH or isinstance(event, yaml.AliasEvent):
            raise ValueError(
                f"a recipe must have at most {_MAX_DEPTH} levels and no aliases such as *name"
            )


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The mapping that a recipe file holds; neither keys nor values are checked.

    Raises:
        ValueError: If the file is missing or holds no YAML mapping.
    """
    try:
        with as_path(path).open("rb") as file:
            content = file.read(_MAX_RECIPE + 1)
        if len(content) > _MAX_RECIPE:
            raise ValueError(f"it must have at most {_MAX_RECIPE:,} bytes")
        text = content.decode()
        _check_yaml(text)
        values = yaml.safe_load(text)
    except OSError as error:
        raise ValueError(f"cannot read the recipe {one_line(error)}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ValueError(f"{path}: a recipe must be YAML: {one_line(error)}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: a recipe must be a mapping of names to values")
    return values
