"""From a network to a graph: one trace, from which every format is written."""

import copy
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from motionlens._utils.errors import one_line
from motionlens.inference.card import ModelCard
from motionlens.inference.onnx_network import OnnxNetwork
from motionlens.models.capture import capture_proposals
from motionlens.models.correspondence import ProposalSearch


@dataclass(frozen=True, kw_only=True, slots=True)
class TracedNetwork:
    """A network as a graph from clips to logits and features.

    Attributes:
        program: the graph; clips ``(B, C, T, size, size)`` of any B.
        card: the network's model card.
        min_frames: the smallest T.
    """

    program: ExportedProgram
    card: ModelCard
    min_frames: int


class BothOutputs(nn.Module):
    """A network that returns its logits and the features before its last layer."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, num_classes)`` and features ``(B, D)`` of clips ``(B, 3, T, H, W)``."""
        features = self.model.forward_features(clips)  # type: ignore[operator]
        return self.model.forward_head(features), features  # type: ignore[operator]


def trace(model: nn.Module, card: ModelCard, *, dynamic_frames: bool = False) -> TracedNetwork:
    """Trace a network.

    Args:
        model: from :func:`prepare`, with the reference search. The other searches are custom
            operators, which other runtimes do not have.
        card: its model card.
        dynamic_frames: accept clips of any T from `min_frames` on, not only the card's.

    Raises:
        ValueError: If ``torch.export`` cannot trace it.
    """
    # torch.export specializes lengths of 1, and may identify dimensions of equal length.
    channels, T, *size = card.clip_shape
    T = max(2, T) if dynamic_frames else T
    clips = torch.zeros(3 if T == 2 else 2, channels, T, *size)
    axes = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC} if dynamic_frames else {0: Dim.DYNAMIC}
    try:
        program = torch.export.export(BothOutputs(model), (clips,), dynamic_shapes=(axes,))
    except Exception as error:  # torch.export raises many kinds
        raise ValueError(f"{card.model} cannot be exported: {one_line(error)[:200]}") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it has paths of this machine
    return TracedNetwork(
        program=program,
        card=card,
        min_frames=_fewest_frames(model, clips[:1]) if dynamic_frames else T,
    )


def prepare(model: nn.Module, impl: Literal["auto", "reference"]) -> nn.Module:
    """A copy on the CPU, in float32 and inference mode, whose modules search with `impl`.

    Raises:
        ValueError: If the network is an exported file.
    """
    if isinstance(model, OnnxNetwork):
        raise ValueError(f"{model.path} is an exported file; give the run that it was made from")
    model = copy.deepcopy(model).cpu().float().eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, ProposalSearch):
            module.impl = impl
    return model


def _fewest_frames(model: nn.Module, clip: Tensor) -> int:
    """The least T for which every search of a clip has k positions in other frames."""
    with torch.no_grad(), capture_proposals(model) as seen:
        model(clip)
    shapes = [proposals.indices.shape for proposals in seen.values()]
    return max([1, *(1 + math.ceil(k / S) for _, _, S, k in shapes)])
