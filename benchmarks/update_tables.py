"""Write the tables of stored benchmark results and of the registered models into the docs.

    python benchmarks/update_tables.py

Each stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``; a test keeps them up to date.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from motionlens._utils.numbers import figure
from motionlens._utils.tables import markdown_table
from motionlens.bench.report import load, markdown
from motionlens.cli.info import NUM_CLASSES, SIZES_FILE, list_rows
from motionlens.models.profile import describe
from motionlens.models.registry import list_models, model_defaults

ROOT = Path(__file__).resolve().parents[1]
STORED = {
    "search": "docs/results/speed_search.json",
    "ops": "docs/results/speed_ops.json",
    "models": "docs/results/speed_models.json",
    "data": "docs/results/speed_data.json",
    "bf16": "docs/results/speed_bf16.json",
    "compiled": "docs/results/speed_compiled.json",
}
PAGES = ("docs/speed.md", "docs/comparators.md")
SIZES = ROOT / "src" / "motionlens" / "models" / SIZES_FILE


@cache
def tables() -> dict[str, str]:
    """Name of a table to its Markdown."""
    found = {name: load(ROOT / path) for name, path in STORED.items()}
    return {
        "speed-search": markdown(found["search"][0]),
        "speed-modules": markdown(found["ops"][0]),
        "speed-networks": markdown(found["models"][0]),
        "speed-loading": markdown(found["data"][0]),
        "speed-bf16": markdown(found["bf16"][0]),
        "speed-compiled": markdown(found["compiled"][0]),
        "speed-machine": _machine(found["models"][1]),
        "comparator-costs": comparator_costs(),
    }


def comparator_costs() -> str:
    """Parameters, multiply-adds and clip of every network but CPNet and the toys."""
    rows = []
    for name in list_models():
        if name.startswith(("toy_", "cpnet_")):
            continue
        clip = model_defaults(name)
        found = describe(name, num_classes=NUM_CLASSES, num_frames=clip.num_frames, size=clip.size)
        rows.append(
            (
                f"`{name}`",
                f"{found.parameters / 1e6:.2f} M",
                f"{figure(found.multiply_adds / 1e9)} G",
                f"{clip.num_frames} x {clip.size}x{clip.size}",
                str(clip.channels),
            )
        )
    return markdown_table(("name", "parameters", "multiply-adds", "clip", "channels"), rows)


def updated(text: str) -> str:
    """A page with its tables replaced."""
    for name, table in tables().items():
        pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(lambda found, t=table: found[1] + t + found[2], text)
    return text


def _machine(about: dict[str, object]) -> str:
    return (
        f"{about['device']}, {about['threads']} threads, {about['system']}, "
        f"Python {about['python']}, torch {about['torch']}\n"
    )


def sizes() -> str:
    """What ``motionlens info`` lists, so that it need not count."""
    rows = list_rows(NUM_CLASSES)
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


if __name__ == "__main__":
    SIZES.write_text(sizes(), encoding="utf-8")
    for page in PAGES:
        path = ROOT / page
        path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")
