"""Recipes as YAML: read with every key checked, written so that they read back equal."""

import os
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from motionlens._utils.errors import nearest, parser_message
from motionlens._utils.files import write_atomically
from motionlens.datasets.source import read_yaml
from motionlens.training.recipe import Recipe


def load_recipe(path: str | os.PathLike[str], **overrides: Any) -> Recipe:
    """Read a recipe from YAML.

    Args:
        path: the file.
        **overrides: top-level fields that replace the file's or are missing there.

    Raises:
        ValueError: If the file is missing or no YAML mapping, has an unknown key (the nearest is
            suggested), lacks ``data`` or ``out``, or has a value of a wrong type or range.
    """
    from jsonargparse import ArgumentParser

    values = {**read_recipe_file(path), **overrides}
    for name in ("data", "out"):
        if name not in values:
            raise ValueError(f"{path}: a recipe must name {name}; add a line '{name}: ...'")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Recipe)
    try:
        return recipe_from(parser.parse_object(values).as_dict())
    except Exception as error:  # jsonargparse's error types differ from version to version
        raise ValueError(f"{path}: {parser_message(error)}") from None


def read_recipe_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The YAML mapping in a file, its keys checked, its values not.

    Raises:
        ValueError: If the file is missing, no YAML mapping, or has an unknown key.
    """
    values = read_yaml(path)
    _check_keys(Recipe, values, str(path))
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


def recipe_from(values: Mapping[str, Any]) -> Recipe:
    """A recipe from nested mappings whose values have the right types; other keys are left out.

    Raises:
        ValueError: For a value out of range.
    """
    hints = get_type_hints(Recipe)
    known = {name: value for name, value in values.items() if name in hints}
    for name, value in known.items():
        if is_dataclass(hints[name]) and isinstance(value, Mapping):
            known[name] = hints[name](**value)
    return Recipe(**known)


def with_absolute_paths(recipe: Recipe) -> Recipe:
    """The same recipe, valid from any working directory."""
    listing = recipe.listing
    if listing.root is not None:
        listing = replace(listing, root=os.path.abspath(listing.root))
    if listing.group is not None and os.path.isfile(listing.group):
        listing = replace(listing, group=os.path.abspath(listing.group))
    validation = recipe.validation and os.path.abspath(recipe.validation)
    init = recipe.init
    if init is not None and os.path.exists(init):  # else it names a model on the hub
        init = os.path.abspath(init)
    return replace(
        recipe, data=os.path.abspath(recipe.data), validation=validation, listing=listing, init=init
    )


def _check_keys(kind: type, values: Mapping[str, Any], where: str, prefix: str = "") -> None:
    hints = get_type_hints(kind)
    for key, value in values.items():
        if key not in hints:
            raise ValueError(
                f"{where}: unknown key {prefix}{key}{nearest(str(key), hints)}; "
                f"'motionlens train --help' lists all"
            )
        if is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise ValueError(f"{where}: {prefix}{key} must be a mapping, got {value!r}")
            _check_keys(hints[key], value, where, f"{prefix}{key}.")
