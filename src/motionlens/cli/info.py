"""List the models, or describe one of them, a trained run or an exported file."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from motionlens._utils.numbers import figure
from motionlens._utils.tables import Output, console_table
from motionlens.cli import _arguments as shared
from motionlens.inference.card import ModelCard
from motionlens.inference.checkpoint import load_checkpoint
from motionlens.inference.onnx_network import OnnxNetwork, is_onnx
from motionlens.models.profile import ModelDescription, describe
from motionlens.models.registry import list_models, model_family, model_options
from motionlens.pretrained import NAME


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "name", nargs="?", help="a model, a run folder or an .onnx file; all models if left out"
    )
    shared.add_options(parser, describe, "num_classes")


def run(args: argparse.Namespace) -> int:
    """Print the list or the description."""
    if args.name is None:
        _print_list([describe(name, num_classes=args.num_classes) for name in list_models()], args)
    elif args.name == NAME or Path(args.name).is_dir() or is_onnx(args.name):
        network, card = load_checkpoint(args.name)
        if isinstance(network, OnnxNetwork):
            shape = ", ".join(map(str, network.input_shape))
            print(f"exported       ONNX, opset {network.opset}, clips ({shape})")
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


def _print_list(models: Sequence[ModelDescription], args: argparse.Namespace) -> None:
    headings = ("name", "parameters", "multiply-adds", "clip", "CP modules", "what it is")
    rows = [(*_row(found), model_family(found.name).summary) for found in models]
    title = f"Models, counted with {args.num_classes} classes"
    Output().print(console_table(headings, rows, title=title, left=(0, 5)))
    print("'motionlens info NAME' describes a model.")


def _row(found: ModelDescription) -> tuple[str, ...]:
    _, _, frames, rows, columns = found.input_shape
    return (
        found.name,
        f"{found.parameters / 1e6:.2f} M",
        f"{figure(found.multiply_adds / 1e9)} G",
        f"{frames} x {rows}x{columns}",
        str(len(found.modules) or "-"),
    )


def _print_description(found: ModelDescription, options: Mapping[str, Any]) -> None:
    family = model_family(found.name)
    _, _, frames, rows, columns = found.input_shape
    print(f"model          {found.name}: {family.summary}")
    print(f"published      {family.paper}")
    print(f"input          {frames} frames of {columns}x{rows} pixels")
    print(f"parameters     {found.parameters:,}")
    print(f"multiply-adds  {figure(found.multiply_adds / 1e9)} G per clip")
    print(f"options        {', '.join(f'{name}={options[name]}' for name in options)}")
    if not found.modules:
        print("CP modules     none")
        return
    sites = [
        (site.block, f"{site.grid[0]}x{site.grid[1]}", str(site.k), f"{site.positions:,}")
        for site in found.modules
    ]
    headings = ("after block", "grid", "k", "positions N")
    Output().print(console_table(headings, sites, title="CP modules"))


def _print_card(card: ModelCard) -> None:
    sampling = card.sampling
    where = "" if sampling.spans_video else ", from the middle of the video"
    print(f"sampling       {sampling}{where}")
    print(f"classes        {len(card.class_names)}: {', '.join(card.class_names)}")
    if card.background:
        print(f"background     {card.background}: makes no events")
    if card.license:
        print(f"licence        {card.license}")
