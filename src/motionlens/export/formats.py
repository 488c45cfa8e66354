"""From a graph to a file in every format, and back to a function."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor

from motionlens._utils.checks import check_number
from motionlens._utils.errors import one_line
from motionlens._utils.optional import require
from motionlens._utils.version import __version__
from motionlens.export.graph import TracedNetwork
from motionlens.inference import onnx_network
from motionlens.inference.onnx_network import SUFFIX, OnnxNetwork

DEFAULT_OPSET = 20
# torch.onnx writes no older one.
OLDEST_OPSET = 18

SUFFIXES = (SUFFIX, ".pt2")

Writer = Callable[[TracedNetwork, Path], None]


def find_writer(path: Path, *, opset: int | None, aot: bool) -> Writer:
    """The writer for the format of a file's suffix, once options and packages are checked.

    Raises:
        ValueError: For another suffix, or an option that does not fit it or is out of range.
        ImportError: If a package is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(
            f"an exported file must end in {' or '.join(SUFFIXES)}, got {path.name}; "
            "the suffix chooses the format"
        )
    if path.is_dir():
        raise ValueError(f"{path} must be a file, it is a folder; name another")
    if path.suffix == ".pt2":
        if opset is not None:
            raise ValueError(f"opset is for .onnx files, got {path.name}; leave it out")
        return write_compiled if aot else write_program
    if aot:
        raise ValueError(f"aot makes a .pt2 file, got {path.name}; change the suffix")
    onnx, _, _ = (require(name, "export") for name in ("onnx", "onnxscript", "onnxruntime"))
    opset = DEFAULT_OPSET if opset is None else opset
    newest = onnx.defs.onnx_opset_version()
    check_number("opset", opset, least=OLDEST_OPSET, most=newest)
    return partial(write_onnx, opset=opset)


def write_onnx(traced: TracedNetwork, path: Path, *, opset: int = DEFAULT_OPSET) -> None:
    """Write an ONNX file that includes the weights, the card and the licence.

    Raises:
        ValueError: If the opset cannot express the graph.
    """
    card, graph = traced.card, traced.program.graph
    (clips,) = graph.find_nodes(
        op="placeholder", target=traced.program.graph_signature.user_inputs[0]
    )
    shape = clips.meta["val"].shape  # numbers, and symbols for dimensions of any size
    try:
        exported = torch.onnx.export(
            traced.program.run_decompositions({torch.ops.aten.frexp.Tensor: _frexp}),
            opset_version=opset,
            input_names=[onnx_network.INPUT],
            output_names=list(onnx_network.OUTPUTS),
            verbose=False,
        )
        assert exported is not None
        proto: Any = exported.model_proto
    except Exception as error:  # torch.onnx raises many kinds
        message = f"{card.model} cannot be written with opset {opset}: {one_line(error)[:200]}"
        raise ValueError(message) from error
    names = {str(shape[0]): "batch", str(shape[2]): "num_frames"}
    for value in (*proto.graph.input, *proto.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                dim.dim_param = names.get(dim.dim_param, dim.dim_param)
    del proto.graph.value_info[:]  # it has the old names of the dimensions
    for entry in (*proto.graph.node, *proto.graph.initializer, *proto.graph.input):
        del entry.metadata_props[:]  # for the exporter's developers; half of a small file
    metadata = {
        onnx_network.CARD_KEY: card.to_json(),
        "license": card.license,
        onnx_network.OPSET_KEY: str(opset),
        onnx_network.MIN_FRAMES_KEY: str(traced.min_frames),
    }
    path.write_bytes(with_metadata(proto, metadata))


def with_metadata(proto: Any, metadata: Mapping[str, str]) -> bytes:
    """The content of an ONNX file with these metadata in the place of all others, and a digest.

    Args:
        proto: the ``onnx.ModelProto``, which is changed.
        metadata: all but the digest.
    """
    proto.producer_name, proto.producer_version = "motionlens", __version__
    del proto.metadata_props[:]
    for key, text in {**metadata, onnx_network.DIGEST_KEY: onnx_network.NO_DIGEST}.items():
        proto.metadata_props.add(key=key, value=text)
    content: bytes = proto.SerializeToString()
    return content.replace(
        onnx_network.NO_DIGEST.encode(), onnx_network.digest(content).encode(), 1
    )


def write_program(traced: TracedNetwork, path: Path) -> None:
    """Write the graph for ``torch.export.load``, with the card as an extra file."""
    torch.export.save(traced.program, path, extra_files=_extra_files(traced))


def write_compiled(traced: TracedNetwork, path: Path) -> None:
    """Compile the graph for this machine's kind of processor, with the card as metadata.

    Raises:
        ValueError: If it cannot be compiled, for example without a C++ compiler.
    """
    try:
        torch._inductor.aoti_compile_and_package(
            traced.program,
            package_path=str(path),
            inductor_configs={"aot_inductor.metadata": _extra_files(traced)},
        )
    except Exception as error:  # of inductor or the compiler
        message = f"{traced.card.model} cannot be compiled: {one_line(error)[:200]}; leave out aot"
        raise ValueError(message) from error


def load_exported(path: Path) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A function from clips to logits and features that runs an exported file.

    Load only ``.pt2`` files that you trust: those of AOTInductor are machine code.

    Raises:
        ValueError: If the file is missing or cannot be loaded.
    """
    if path.suffix == SUFFIX:
        return OnnxNetwork(path).forward_both
    try:
        with ZipFile(path) as archive:
            compiled = any("/aotinductor/" in name for name in archive.namelist())
        if compiled:
            return torch._inductor.aoti_load_package(str(path))
        return torch.export.load(path).module()
    except Exception as error:  # of the archive, its JSON or the linker
        raise ValueError(f"{path} cannot be loaded: {one_line(error)}; export it again") from None


def _extra_files(traced: TracedNetwork) -> dict[str, str]:
    return {
        onnx_network.CARD_KEY: traced.card.to_json(),
        onnx_network.MIN_FRAMES_KEY: str(traced.min_frames),
    }


def _frexp(x: Tensor) -> tuple[Tensor, Tensor]:
    """``torch.frexp`` of numbers of at least 0, in operators that ONNX has.

    Near a power of two, rounding of the logarithm may change the exponent by one. The search uses
    it to scale a clip into the middle of float32's range, where a factor of two does not matter.
    """
    exponent = x.log2().floor() + 1
    exponent = torch.where(exponent.isfinite(), exponent, 0).to(torch.int32)
    return torch.ldexp(x, -exponent), exponent
