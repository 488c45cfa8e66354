"""What the CP module is measured against: the published algorithm done plainly, a non-local block.

None of it is made slow on purpose: each takes the fastest plain PyTorch operations for its way.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cpnet.models.correspondence import CorrespondenceProposal
from cpnet.models.resize import resize_grid
from cpnet.ops import gather_neighbors, pair_offsets
from cpnet.ops.proposals_reference import search


class PlainCorrespondence(nn.Module):
    """The published algorithm as it is written down: full matrix, topk, concatenated pairs, MLP.

    Shares the weights of a CP module and gives the same answers.

    Args:
        module: whose work it does.
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


class NonLocal(nn.Module):
    """A non-local block: embedded Gaussian, half the channels, keys and values pooled 2x2.

    "Non-local Neural Networks" (Wang, Girshick, Gupta, He, CVPR 2018), section 4.1 and figure 2.
    Runs through ``scaled_dot_product_attention``, which does not store the matrix of weights.

    Args:
        channels: of the clips.
    """

    socket = "after_block"

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.query = nn.Conv3d(channels, inner, 1)
        self.key = nn.Conv3d(channels, inner, 1)
        self.value = nn.Conv3d(channels, inner, 1)
        self.out = nn.Conv3d(inner, channels, 1)
        self.norm = nn.BatchNorm3d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map clips ``(B, C, T, H, W)`` to the same shape; the identity until trained."""
        pooled = F.max_pool3d(x, (1, 2, 2))
        query, key, value = (
            layer(of).flatten(2).mT[:, None]
            for layer, of in ((self.query, x), (self.key, pooled), (self.value, pooled))
        )
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)[:, 0]
        out: Tensor = self.norm(self.out(seen.mT.reshape(*seen.mT.shape[:2], *x.shape[2:])))
        return x + out
