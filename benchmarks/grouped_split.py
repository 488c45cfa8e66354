"""How much a random split flatters: the same recipe on random folds and on folds of whole groups.

    python benchmarks/grouped_split.py RECIPE GROUP OUT [--folds 5] [--seeds 1] [FIELD=VALUE...]

``GROUP`` is what ``listing.group`` takes: a column, a file of path and group, or a pattern. Each
kind of fold is trained in a folder of its own inside ``OUT``; a call that was interrupted goes on
when it is made again. ``OUT/grouped_split.json`` and ``.md`` hold the table. Fields replace those
of the recipe, such as ``data=all.csv optim.epochs=20``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
import yaml

from motionlens._utils.machine import machine
from motionlens._utils.tables import markdown_table
from motionlens.datasets.source import read_yaml
from motionlens.training.cross_validation import FoldsResult, cross_validate
from motionlens.training.recipe import Recipe
from motionlens.training.recipe_files import load_recipe
from motionlens.training.run_folder import begun_folds


def read_recipe(path: str, fields: list[str], out: Path) -> Recipe:
    """The recipe in a file with some fields replaced."""
    values: dict[str, Any] = {"data": "", **read_yaml(path)}
    for field in fields:
        name, _, value = field.partition("=")
        *sections, last = name.split(".")
        where = values
        for section in sections:
            where = where.setdefault(section, {})
        where[last] = yaml.safe_load(value)
    changed = out / "base.yaml"
    changed.write_text(yaml.safe_dump(values), encoding="utf-8")
    return load_recipe(changed, out=str(out))


def measure(recipe: Recipe, group: str | None, seed: int, folds: int, out: Path) -> FoldsResult:
    """Train the folds that are not there yet."""
    listing = {"listing.group": group, "listing.split_seed": seed}
    one = recipe.with_(out=out, seed=recipe.seed + seed, **listing)
    return cross_validate(one, folds, resume=begun_folds(out) is not None)


def main() -> None:
    """Measure both kinds of folds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("group")
    parser.add_argument("out", type=Path)
    parser.add_argument("fields", nargs="*")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_intermixed_args()
    args.out.mkdir(parents=True, exist_ok=True)
    recipe = read_recipe(args.recipe, args.fields, args.out)
    rows, results = [], []
    for name, group in (("random", None), ("grouped", args.group)):
        for seed in range(args.seeds):
            found = measure(recipe, group, seed, args.folds, args.out / f"{name}-{seed}")
            low, high = found.interval
            rows.append(
                [
                    name,
                    str(seed),
                    f"{100 * found.mean:.1f} %",
                    f"{100 * low:.1f} to {100 * high:.1f}",
                ]
            )
            results.append({"split": name, "seed": seed, **json.loads(found.to_json())})
    table = markdown_table(["split", "seed", "mean of folds", "95 % interval"], rows)
    about = {
        "fields": args.fields,
        "recipe": args.recipe,
        "machine": machine(torch.device("cpu")),
        "runs": results,
    }
    (args.out / "grouped_split.json").write_text(json.dumps(about, indent=1) + "\n")
    (args.out / "grouped_split.md").write_text(table)
    print(table)


if __name__ == "__main__":
    main()
