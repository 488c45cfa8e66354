"""Recipes as YAML: read with every key checked, written so that they read back equal."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from motionlens._utils.addresses import absolute
from motionlens._utils.files import write_atomically
from motionlens.datasets.source import read_yaml
from motionlens.training.recipe import Recipe
from motionlens.training.typed_fields import check_keys, parsed


def load_recipe(path: str | os.PathLike[str], **overrides: Any) -> Recipe:
    """Read a recipe from YAML.

    Args:
        path: the file.
        **overrides: top-level fields that replace the file's or are missing there.

    Raises:
        ValueError: If the file is missing or no YAML mapping, has an unknown key (the nearest is
            suggested), lacks ``data`` or ``out``, or has a value of a wrong type or range.
    """
    values = {**read_recipe_file(path), **overrides}
    for name in ("data", "out"):
        if name not in values:
            raise ValueError(f"{path}: a recipe must name {name}; add a line '{name}: ...'")
    try:
        return parsed(Recipe, values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_recipe_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The YAML mapping in a file, its keys checked, its values not.

    Raises:
        ValueError: If the file is missing, no YAML mapping, or has an unknown key.
    """
    values = read_yaml(path)
    check_keys(Recipe, values, str(path))
    return values


def save_recipe(recipe: Recipe, path: str | os.PathLike[str]) -> None:
    """Write a recipe as YAML that :func:`load_recipe` reads back as an equal recipe.

    Raises:
        OSError: If the file cannot be written.
    """
    import yaml  # type: ignore[import-untyped]

    values = asdict(recipe)
    values["augment"]["ratio"] = list(recipe.augment.ratio)
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    write_atomically(Path(path), text.encode())


def with_absolute_paths(recipe: Recipe) -> Recipe:
    """The same recipe, valid from any working directory."""
    changes = {"data": absolute(recipe.data)}
    listing = recipe.listing
    if recipe.validation is not None:
        changes["validation"] = absolute(recipe.validation)
    if listing.root is not None:
        changes["listing.root"] = absolute(listing.root)
    if listing.group is not None and os.path.isfile(listing.group):
        changes["listing.group"] = os.path.abspath(listing.group)
    if recipe.init is not None and os.path.exists(recipe.init):  # else it names a model on the hub
        changes["init"] = os.path.abspath(recipe.init)
    return recipe.with_(**changes)
