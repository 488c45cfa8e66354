"""How much an experiment may cost: the networks, the clips, and the recipe that all runs share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from motionlens.datasets.source import ListingConfig
from motionlens.training.recipe import Recipe
from motionlens.training.recipe_files import read_recipe_file, recipe_from

BudgetName = Literal["small", "medium", "full"]

# A ResNet-18 of a quarter of the width, for clips of 64 pixels: cheap, with two blocks a stage.
_NARROW = {"widths": (16, 32, 64, 128), "stem_stride": 1, "dropout": 0.2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What runs of a budget have in common.

    Attributes:
        name: of the budget.
        backbone: of the models that are put side by side.
        ablation_options: of the ResNet-18 whose modules are varied.
        stride: between the frames of a clip of 8 frames.
        seeds: runs of each network, unless the user says otherwise.
        epochs_factor: on the epochs of the toy's systems.
        recipe: fields of the recipe; None where a recipe file of the package is taken.
    """

    name: BudgetName
    backbone: str
    ablation_options: Mapping[str, Any] = field(default_factory=dict)
    stride: int
    seeds: int = 3
    epochs_factor: int = 1
    recipe: Mapping[str, Any] | None


BUDGETS: dict[str, Budget] = {
    "small": Budget(
        name="small",
        backbone="nano",
        ablation_options=_NARROW,
        stride=3,
        recipe={
            "validate_every": 1000,
            "clip": {"num_frames": 8, "frame_stride": 3, "size": 64, "short_side": 72},
            "optim": {"epochs": 20, "batch_size": 16, "lr": 0.005},
            "log": {"confusion": False, "clips": 0},
        },
    ),
    "medium": Budget(
        name="medium",
        backbone="resnet18",
        ablation_options={"stem_stride": 1},
        stride=4,
        recipe={
            "validate_every": 10,
            "clip": {"num_frames": 8, "frame_stride": 4, "size": 112, "short_side": 128},
            "optim": {"epochs": 40, "batch_size": 16, "lr": 0.002},
            "log": {"confusion": False, "clips": 0},
        },
    ),
    "full": Budget(name="full", backbone="resnet18", stride=4, epochs_factor=2, recipe=None),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What the user says of data and training.

    Attributes:
        data: as of a recipe.
        validation: likewise.
        listing: likewise.
        recipe: a recipe file that takes the place of the budget's recipe, where it says something.
        init: weights that all runs start from.
        epochs: instead of the recipe's.
        device: where to run.
        devices: processes that train together.
    """

    data: str
    validation: str | None = None
    listing: ListingConfig = field(default_factory=ListingConfig)
    recipe: str | None = None
    init: str | None = None
    epochs: int | None = None
    device: str = "auto"
    devices: int = 1


def base_recipe(budget: Budget, source: Source, packaged: str) -> Recipe:
    """The recipe that all runs of an experiment share; each run sets model, clip, seed and out.

    Args:
        budget: of the experiment.
        source: what the user says.
        packaged: name of the recipe file of the package that the full budget takes.

    Raises:
        ValueError: If a recipe file cannot be used.
    """
    values = budget.recipe
    if values is None:
        values = read_recipe_file(packaged_recipe(packaged))
    if source.recipe is not None:
        values = _merged(values, read_recipe_file(source.recipe))
    listing = values.get("listing", {})
    recipe = recipe_from(
        {
            **values,
            **{"data": source.data, "validation": source.validation, "out": "OUT"},
            "listing": {**listing, **_said(source.listing)},
            "device": source.device,
        }
    )
    optim = recipe.optim
    if source.epochs is not None:
        optim = replace(optim, epochs=source.epochs)
    # As many clips a step as the recipe wants, whatever the number of processes.
    accumulate = max(1, recipe.devices * recipe.num_nodes * optim.accumulate // source.devices)
    return replace(
        recipe,
        init=source.init or recipe.init,
        devices=source.devices,
        num_nodes=1,
        optim=replace(optim, accumulate=accumulate),
    )


def packaged_recipe(name: str) -> Path:
    """A recipe file that comes with the package, or with the checkout that it lies in.

    Raises:
        ValueError: If it is in neither.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "recipes", package.parents[1] / "recipes"):
        if (folder / name).is_file():
            return folder / name
    raise ValueError(f"the recipe {name} did not come with this installation; give --recipe FILE")


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The first mapping with what the second says, nested ones likewise."""
    merged = dict(first)
    for name, value in second.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if nested else value
    return merged


def _said(listing: ListingConfig) -> dict[str, Any]:
    """What differs from the default."""
    default = ListingConfig()
    return {n: v for n, v in vars(listing).items() if v != getattr(default, n)}
