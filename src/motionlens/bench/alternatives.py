"""What the CP module is measured against: a plain implementation of the published algorithm.

It uses the fastest PyTorch operations for each step.
"""

import torch
from torch import Tensor, nn

from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.models.resize import resize_grid
from motionlens.ops.proposals import gather_neighbors, pair_offsets
from motionlens.ops.proposals_reference import search


class PlainCorrespondence(nn.Module):
    """The published algorithm as written: full matrix, topk, concatenated pairs, MLP.

    It shares the weights of a CP module and gives the same answers.

    Args:
        module: the CP module.
    """

    socket = "before_relu"

    def __init__(self, module: CorrespondenceProposal) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """Map clips ``(B, C, T, H, W)`` as the module does."""
        module = self.module
        features, grid = module.searched_features(x)
        with torch.no_grad():
            indices, _ = search(features, module.k, module.search.metric, None, False)
        hidden = torch.cat(
            [
                pair_offsets(indices, grid, dtype=features.dtype) * module.offset_scale,
                features[:, :, :, None].expand(-1, -1, -1, module.k, -1),
                gather_neighbors(features, indices),
            ],
            dim=-1,
        )
        for layer in module.mlp:
            hidden = layer(hidden).relu()
        out = module.projection(hidden.amax(3)).unflatten(2, grid)
        return x + resize_grid(out, (x.shape[3], x.shape[4])).permute(0, 4, 1, 2, 3)
