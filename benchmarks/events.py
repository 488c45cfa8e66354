"""How well are actions found in generated long videos? Several networks and seeds, one recipe.

    motionlens motion direction data/long --long_s 60 --num_train 96 --num_validation 96
    python benchmarks/events.py data/long runs/events docs/results/events.json

``cpnet_nano`` starts from the bundled weights, the others from random ones. The bundled recognizer
is measured as it is, too: it knows the directions and has no background. A run that is there is not
made again, and one that was interrupted goes on. The table is in a ``.md`` beside the ``.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

import motionlens.pretrained
from motionlens._utils.machine import machine
from motionlens._utils.numbers import percent
from motionlens._utils.tables import markdown_table
from motionlens.datasets.source import ListingConfig, read_yaml
from motionlens.inference.event_evaluation import evaluate_events
from motionlens.inference.streaming.events import EventRules
from motionlens.report.event_report import JSON_FILE
from motionlens.training.fit import fit
from motionlens.training.recipe_files import load_recipe
from motionlens.training.run_folder import CHECKPOINT, read_metrics

RECIPE = Path(__file__).parents[1] / "recipes" / "events_nano.yaml"
BUNDLED = Path(motionlens.pretrained.__file__).parent
# Smoothing would delay the events, and windows overlap enough without.
RULES = EventRules(smoothing="none")
NOT_SOUGHT = ("still", "closer", "away")
# What starts from random weights takes larger steps.
FRESH_LR = 0.005


def row_of(values: dict[str, Any], **about: Any) -> dict[str, Any]:
    """What is kept of one evaluation."""
    kept = ("num_videos", "num_actions", "num_events", "precision", "recall", "iou_thresholds")
    names = [name for name in values if name.startswith("mean_average") or name in kept]
    return {**about, **{name: values[name] for name in names}, "settings": values["settings"]}


def measure(model: str, seed: int, epochs: int | None, data: Path, run: Path) -> dict[str, Any]:
    """Train and evaluate, as far as it is not done."""
    recipe = load_recipe(
        RECIPE, data=str(data / "train.csv"), validation=str(data / "validation.csv"), out=str(run)
    ).with_(model=model, seed=seed)
    is_pretrained = model == "cpnet_nano"
    changes = {
        "init": str(BUNDLED) if is_pretrained else None,
        "optim.lr": recipe.optim.lr if is_pretrained else FRESH_LR,
        "optim.epochs": epochs or recipe.optim.epochs,
    }
    recipe = recipe.with_(**changes)
    begun = time.monotonic()
    file = run / "evaluation" / JSON_FILE
    if not file.is_file():
        is_begun = (run / CHECKPOINT).is_file()
        if not is_begun or len(read_metrics(run)) < recipe.optim.epochs:
            fit(recipe, resume=is_begun)
        evaluate_events(run, rules=RULES)
    print(f"{run}: {time.monotonic() - begun:.0f} s", flush=True)
    last = read_metrics(run)[-1]
    return row_of(
        json.loads(file.read_text()),
        **{"model": model, "start": "bundled weights" if is_pretrained else "random weights"},
        **{"seed": seed, "epochs": int(last["epoch"])},
        clip_accuracy=last.get("validation_accuracy"),
    )


def bundled_row(data: Path, out: Path) -> dict[str, Any]:
    """The bundled recognizer as it is, with clips as long as those of the others."""
    file = out / JSON_FILE
    if not file.is_file():
        evaluate_events(
            BUNDLED,
            data / "validation.csv",
            listing=ListingConfig(background="background"),
            rules=EventRules(smoothing="none", background=NOT_SOUGHT),
            seconds=read_yaml(RECIPE)["clip"]["seconds"],
            out=out,
        )
    return row_of(json.loads(file.read_text()), model="bundled", start="as it is")


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    ious = rows[0]["iou_thresholds"]
    headings = ["network", "start", "seed", "mAP", "95 % interval", *(f"at {iou}" for iou in ious)]
    headings += ["right of its events", "found of the actions"]
    cells = []
    for row in rows:
        low, high = row["mean_average_precision_interval"]
        shares = [row["precision"], row["recall"]]
        cells.append(
            [
                *(row["model"], row["start"], str(row.get("seed", "-"))),
                *(percent(row["mean_average_precision"]), f"{100 * low:.1f} to {100 * high:.1f}"),
                *(f"{100 * value:.1f}" for value in row["mean_average_precisions"]),
                *("-" if share is None else percent(share) for share in shares),
            ]
        )
    return markdown_table(headings, cells, left=(0, 1))


def main() -> None:
    """Measure everything, and write the results after each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--models", nargs="+", default=["cpnet_nano", "c3d_nano", "c2d_nano"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    args = parser.parse_args()
    rows = [bundled_row(args.data, args.runs / "bundled")]
    for seed in range(args.seeds):
        for model in args.models:
            run = args.runs / f"{model}_{seed}"
            rows.append(measure(model, seed, args.epochs, args.data, run))
            rows.sort(key=lambda row: (str(row["model"]), row.get("seed", -1)))
            write(rows, args.result)


def write(rows: list[dict[str, Any]], result: Path) -> None:
    """Write the rows as JSON and as a table."""
    command = f"python benchmarks/events.py data/long runs/events {result}"
    content = {"command": command, "machine": machine(torch.device("cpu")), "rows": rows}
    result.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    result.with_suffix(".md").write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
