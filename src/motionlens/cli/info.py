"""List the models, or describe one of them, a trained run or an exported file."""

import argparse
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionlens._utils.numbers import figure
from motionlens._utils.tables import Output, console_table
from motionlens.pretrained import NAMES

if TYPE_CHECKING:
    from motionlens.inference.card import ModelCard
    from motionlens.models.profile import ModelDescription

# The list, counted with as many classes as Kinetics has; `benchmarks/update_tables.py` writes it.
SIZES_FILE = "sizes.json"
NUM_CLASSES = 400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "name", nargs="?", help="a model, a run folder or an .onnx file; all models if left out"
    )
    parser.add_argument("--num_classes", type=int, default=NUM_CLASSES, help="number of classes")


def run(args: argparse.Namespace) -> int:
    """Print the list or the description."""
    if args.name is None and args.num_classes == NUM_CLASSES:
        # Counting anew takes ten seconds, and PyTorch takes some to load.
        stored = files("motionlens.models").joinpath(SIZES_FILE).read_text(encoding="utf-8")
        _print_list(json.loads(stored), NUM_CLASSES)
        return 0
    from motionlens.inference.checkpoint import load_checkpoint
    from motionlens.inference.onnx_network import OnnxNetwork, is_onnx
    from motionlens.models.profile import describe
    from motionlens.models.registry import model_options

    if args.name is None:
        _print_list(list_rows(args.num_classes), args.num_classes)
    elif args.name in NAMES or Path(args.name).is_dir() or is_onnx(args.name):
        network, card = load_checkpoint(args.name)
        if isinstance(network, OnnxNetwork):
            shape = ", ".join(map(str, network.input_shape))
            print(f"exported       ONNX, opset {network.opset}, clips ({shape})")
            if network.int8 is not None:
                check = network.int8
                print(
                    f"convolutions   INT8: names {check['right_after']} of "
                    f"{check['num_validation']} validation clips rightly, "
                    f"float32 {check['right_before']}"
                )
        found = describe(
            card.model,
            num_classes=len(card.class_names),
            num_frames=card.sampling.num_frames,
            size=card.preprocessing.size,
            **card.options,
        )
        _print_description(found, card.options)
        _print_card(card)
    else:
        found = describe(args.name, num_classes=args.num_classes)
        _print_description(found, model_options(args.name))
    return 0


def list_rows(num_classes: int) -> list[list[str]]:
    """The rows of the list of all models, counted."""
    from motionlens.models.profile import describe
    from motionlens.models.registry import list_models, model_family

    rows = []
    for name in list_models():
        found = describe(name, num_classes=num_classes)
        _, _, frames, height, width = found.input_shape
        rows.append(
            [
                name,
                f"{found.parameters / 1e6:.2f} M",
                f"{figure(found.multiply_adds / 1e9)} G",
                f"{frames} x {height}x{width}",
                str(len(found.modules) or "-"),
                model_family(name).summary,
            ]
        )
    return rows


def _print_list(rows: list[list[str]], num_classes: int) -> None:
    headings = ("name", "parameters", "multiply-adds", "clip", "CP modules", "what it is")
    title = f"Models, counted with {num_classes} classes"
    Output().print(console_table(headings, rows, title=title, left=(0, 5)))
    print("'motionlens info NAME' describes a model.")


def _print_description(found: "ModelDescription", options: Mapping[str, Any]) -> None:
    from motionlens.models.registry import model_family

    family = model_family(found.name)
    _, _, frames, rows, columns = found.input_shape
    fields = [
        ("model", f"{found.name}: {family.summary}"),
        ("published", family.paper),
        ("input", f"{frames} frames of {columns}x{rows} pixels"),
        ("parameters", f"{found.parameters:,}"),
        ("multiply-adds", f"{figure(found.multiply_adds / 1e9)} G per clip"),
        ("options", ", ".join(f"{name}={options[name]}" for name in options)),
    ]
    if found.modules:
        from motionlens.ops.compiled import numba_module

        how = "plain, because Numba cannot be loaded"
        if numba_module("proposals_numba") is not None:
            how = "one pass, compiled by Numba"
        fields.append(("CPU search", how))
    else:
        fields.append(("CP modules", "none"))
    Output().print_fields(fields)
    if not found.modules:
        return
    sites = [
        (site.block, f"{site.grid[0]}x{site.grid[1]}", str(site.k), f"{site.positions:,}")
        for site in found.modules
    ]
    headings = ("after block", "grid", "k", "positions N")
    Output().print(console_table(headings, sites, title="CP modules"))


def _print_card(card: "ModelCard") -> None:
    sampling = card.sampling
    where = "" if sampling.spans_video else ", from the middle of the video"
    fields = [
        ("sampling     ", f"{sampling}{where}"),
        ("classes", f"{len(card.class_names)}: {', '.join(card.class_names)}"),
    ]
    if card.background:
        fields.append(("background", f"{card.background}: makes no events"))
    fields += [("licence", card.license)] if card.license else []
    Output().print_fields(fields)
