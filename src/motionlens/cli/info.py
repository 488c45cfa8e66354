"""List the models, or describe one of them, a trained run or an exported file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motionlens import pretrained
from motionlens._utils.tables import console_table
from motionlens.cli._arguments import output

if TYPE_CHECKING:
    from motionlens.inference.card import ModelCard
    from motionlens.models.profile import ModelDescription

# As many as Kinetics has: published sizes of such networks are counted with them.
DEFAULT_NUM_CLASSES = 400


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "name", nargs="?", help="a model, a run folder or an .onnx file; all models if left out"
    )
    parser.add_argument("--num_classes", type=int, help="of a model, default 400")


def run(args: Any) -> int:
    """Print the list or the description."""
    from motionlens.inference.onnx_network import is_onnx
    from motionlens.models.profile import describe
    from motionlens.models.registry import list_models, model_defaults, model_options

    classes = DEFAULT_NUM_CLASSES if args.num_classes is None else args.num_classes
    if args.name is None:
        found_all = []
        for name in list_models():
            clip = model_defaults(name)
            found_all.append(
                describe(name, num_classes=classes, num_frames=clip.num_frames, size=clip.size)
            )
        _print_list(found_all, classes)
        return 0
    if args.name == pretrained.NAME and not Path(args.name).exists():
        args.name = str(pretrained.bundled_path())
    if Path(args.name).is_dir() or is_onnx(args.name):
        card = _read_card(args.name)
        found = describe(
            card.model,
            num_classes=len(card.class_names),
            num_frames=card.sampling.num_frames,
            size=card.preprocessing.size,
            **card.options,
        )
        _print_description(found, card.options)
        _print_card(card)
        return 0
    defaults = model_defaults(args.name)
    found = describe(
        args.name, num_classes=classes, num_frames=defaults.num_frames, size=defaults.size
    )
    _print_description(found, model_options(args.name))
    return 0


def _read_card(path: str) -> ModelCard:
    """The card of a run folder or an exported file, if it can be used."""
    from motionlens.inference.checkpoint import load_checkpoint
    from motionlens.inference.onnx_network import OnnxNetwork

    if Path(path).is_dir():
        return load_checkpoint(path)[1]
    network = OnnxNetwork(path)
    shape = ", ".join(map(str, network.input_shape))
    output().print(f"exported       ONNX, opset {network.opset}, clips ({shape})")
    return network.card


def _print_list(models: list[ModelDescription], num_classes: int) -> None:
    from motionlens.models.registry import model_family

    console = output()
    headings = ("name", "parameters", "multiply-adds", "clip", "CP modules", "what it is")
    rows = [(*_row(found), model_family(found.name).summary) for found in models]
    title = f"Models, counted with {num_classes} classes"
    console.print(console_table(headings, rows, title=title, left=(0, 5)))
    console.print("'motionlens info NAME' describes a model.")


def _row(found: ModelDescription) -> tuple[str, ...]:
    _, _, frames, rows, columns = found.input_shape
    return (
        found.name,
        f"{found.parameters / 1e6:.2f} M",
        f"{found.multiply_adds / 1e9:.3g} G",
        f"{frames} x {rows}x{columns}",
        str(len(found.modules) or "-"),
    )


def _print_description(found: ModelDescription, options: Mapping[str, Any]) -> None:
    from motionlens.models.registry import model_family

    console = output()
    family = model_family(found.name)
    _, _, frames, rows, columns = found.input_shape
    console.print(f"model          {found.name}: {family.summary}")
    console.print(f"published      {family.paper}")
    console.print(f"input          {frames} frames of {columns}x{rows} pixels")
    console.print(f"parameters     {found.parameters:,}")
    console.print(f"multiply-adds  {found.multiply_adds / 1e9:.3g} G a clip")
    console.print(f"options        {', '.join(f'{name}={options[name]}' for name in options)}")
    if not found.modules:
        console.print("CP modules     none")
        return
    sites = [
        (site.block, f"{site.grid[0]}x{site.grid[1]}", str(site.k), f"{site.positions:,}")
        for site in found.modules
    ]
    headings = ("after block", "grid", "k", "positions N")
    console.print(console_table(headings, sites, title="CP modules"))


def _print_card(card: ModelCard) -> None:
    console = output()
    sampling = card.sampling
    frames = f"{sampling.num_frames} frames, stride {sampling.frame_stride}"
    is_spread = sampling.mode == "segments"
    where = "spread over the video" if is_spread else f"{frames}, from the middle of the video"
    console.print(f"sampling       {where}")
    if "offset_scale" in card.options:
        console.print(f"offset scale   {card.options['offset_scale']:g}")
    console.print(f"classes        {len(card.class_names)}: {', '.join(card.class_names)}")
    if card.license:
        console.print(f"license        {card.license}")
