"""How much an experiment may cost, and the recipe for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml  # type: ignore[import-untyped]

from motionlens.clips.video_index import VideoIndex
from motionlens.datasets.source import ListingConfig
from motionlens.training.recipe import RANDOM, Recipe
from motionlens.training.recipe_files import read_recipe_file
from motionlens.training.typed_fields import from_mappings

BudgetName = Literal["small", "medium", "full"]

# Videos that are opened to learn how long they usually are.
_OPENED = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What the runs of a budget have in common, see ``budgets.yaml``.

    Attributes:
        name: of the budget.
        backbone: of the models that are compared.
        resnet18: options of the ResNet-18 of the ablations.
        toy_epochs: factor on the epochs of toy networks.
        runtime_s: how long each network is timed, seconds.
        recipe: fields of the recipe; None where a recipe file of the package is taken.
    """

    name: str
    backbone: str
    resnet18: Mapping[str, Any]
    toy_epochs: int
    runtime_s: float
    recipe: Mapping[str, Any] | None

    def fitted(self, num_frames: int) -> Budget:
        """The budget with a stride whose clips fit into a video of so many frames.

        The full budget stays as it is: its recipes are the authors'.
        """
        if self.recipe is None:
            return self
        clip = self.recipe["clip"]
        most = (num_frames - 1) // max(1, clip["num_frames"] - 1)
        stride = max(1, min(clip["frame_stride"], most))
        return replace(self, recipe={**self.recipe, "clip": {**clip, "frame_stride": stride}})


BUDGETS = {
    name: Budget(name=name, **values)
    for name, values in yaml.safe_load(
        Path(__file__).with_name("budgets.yaml").read_text(encoding="utf-8")
    ).items()
}


def find_budget(name: str) -> Budget:
    """A budget by its name.

    Raises:
        ValueError: For an unknown one.
    """
    if name not in BUDGETS:
        raise ValueError(f"budget must be one of {', '.join(BUDGETS)}, got {name!r}")
    return BUDGETS[name]


def usual_length(index: VideoIndex) -> int:
    """Median number of frames over a sample of an index.

    Raises:
        ValueError: If one cannot be opened.
    """
    chosen = np.linspace(0, len(index) - 1, min(_OPENED, len(index))).astype(int)
    return int(np.median([index.open(int(i)).num_frames for i in chosen]))


def base_recipe(
    budget: Budget,
    packaged: str,
    *,
    data: str,
    validation: str | None = None,
    listing: ListingConfig | None = None,
    recipe: str | None = None,
    init: str | None = None,
    epochs: int | None = None,
    device: str = "auto",
    devices: int = 1,
) -> Recipe:
    """The recipe that all runs of an experiment share; each run sets model, clip, seed and out.

    Args:
        budget: of the experiment.
        packaged: recipe file of the package that the full budget takes.
        data: see :class:`motionlens.training.recipe.Recipe`, as for ``validation``.
        validation: data of the validation part.
        listing: how videos are found; fields at their defaults are taken from the recipe.
        recipe: recipe file whose fields replace those of the budget.
        init: weights that all runs start from, instead of the recipe's.
        epochs: instead of the recipe's.
        device: where to run.
        devices: processes that train together; a step has as many clips with any number.

    Raises:
        ValueError: If a recipe file cannot be used.
    """
    values = budget.recipe
    if values is None:
        values = read_recipe_file(packaged_recipe(packaged))
    if recipe is not None:
        values = _merged(values, read_recipe_file(recipe))
    given: dict[str, Any] = {"data": data, "validation": validation, "device": device, "out": "OUT"}
    given["init"] = init or values.get("init") or RANDOM
    optim = {"epochs": epochs} if epochs is not None else {}
    given |= {"listing": changed(listing), "optim": optim}
    found = from_mappings(Recipe, _merged(values, given))
    clips = found.devices * found.num_nodes * found.optim.accumulate
    accumulate = max(1, clips // devices)
    return found.with_(devices=devices, num_nodes=1, **{"optim.accumulate": accumulate})


def packaged_recipe(name: str) -> Path:
    """A recipe file of the package, or of the checkout around it.

    Raises:
        ValueError: If it is in neither.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "recipes", package.parents[1] / "recipes"):
        if (folder / name).is_file():
            return folder / name
    raise ValueError(f"the recipe {name} did not come with this installation; give --recipe FILE")


def changed(listing: ListingConfig | None) -> dict[str, Any]:
    """Fields of a listing that differ from the default."""
    default = vars(ListingConfig())
    return {n: v for n, v in vars(listing or ListingConfig()).items() if v != default[n]}


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The first mapping, updated by the second; nested mappings are merged."""
    merged = dict(first)
    for name, value in second.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if nested else value
    return merged
