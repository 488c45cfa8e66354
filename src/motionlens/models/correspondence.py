"""The correspondence-proposal (CP) module: proposals, pairs, MLP, maximum, projection.

Letters: B clips, C channels, T frames, H rows, W columns, S = H*W positions of a frame.
Paper: "CP Module Architecture" and "Correspondence Embedding Layer Architecture".
"""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionlens._utils.checks import check_at_least
from motionlens.models.resize import resize_grid
from motionlens.ops.pair_embedding import PairLayer, pair_embedding
from motionlens.ops.proposals import Impl, Proposals, check_search, knn_proposals
from motionlens.ops.scoring import Metric

# Chosen by measurement over several seeds: docs/results/offset_scale.md.
DEFAULT_OFFSET_SCALE = 16.0


class CorrespondenceProposal(nn.Module):
    """A layer that lets every position see where it may have been in other frames.

    ``forward(x)`` is ``x + branch(x)``; the branch ends in a batch norm whose scale starts at
    zero by default, so that a fresh module is the identity and can be put into a trained network.
    It stores no clip length: any T of at least 2 and any H, W work, also other ones than in
    training.

    Args:
        channels: C of the clips.
        k: proposals per position; may be changed later, also on a trained module.
        widths: channels of the pair MLP's layers; default C/4 and C/2, or, with a bottleneck, one
            layer of its width.
        bottleneck: project the features to that many channels (1x1x1 conv and norm) before the
            search and the MLP; None for not at all.
        downsample: search on a grid with rows and columns divided by this, then resize back.
        offset_scale: factor on the offsets, which otherwise lie in (-1, 1). 1 is the paper's form
            and learns slowly from random weights.
        metric: ``"l2"``, ``"dot"`` or ``"cosine"``.
        window: frames on either side that are searched; None for all.
        causal: search past frames only.
        initial_scale: what the scale of the branch's last norm starts at. From random weights a
            network learns far sooner from 0.5 than from 0.
        eps: of every batch norm.
        conv_bias: give the linear maps a bias, which the norms behind them make redundant.

    Shapes:
        Clips ``(B, C, T, H, W)`` in and out, any float dtype, any memory format.

    Raises:
        ValueError: On construction, for an argument out of range; in ``forward``, for a clip of
            the wrong shape, with fewer than 2 frames, or with fewer than k positions in other
            frames.

    Example:
        >>> module = CorrespondenceProposal(64, k=4)
        >>> clip = torch.randn(2, 64, 8, 14, 14)
        >>> torch.equal(module(clip), clip)  # the identity, until it is trained
        True
    """

    # Where VideoResNet puts it: on the sum of shortcut and branch, before the block's last ReLU.
    socket = "before_relu"

    def __init__(
        self,
        channels: int,
        *,
        k: int = 8,
        widths: Sequence[int] | None = None,
        bottleneck: int | None = None,
        downsample: int = 1,
        offset_scale: float = DEFAULT_OFFSET_SCALE,
        metric: Metric = "l2",
        window: int | None = None,
        causal: bool = False,
        initial_scale: float = 0.0,
        eps: float = 1e-5,
        conv_bias: bool = False,
    ) -> None:
        super().__init__()
        if widths is None:
            widths = (bottleneck,) if bottleneck else (max(1, channels // 4), max(1, channels // 2))
        check_at_least(1, channels=channels, downsample=downsample)
        if not widths or min(widths) < 1 or (bottleneck is not None and bottleneck < 1):
            raise ValueError(
                "widths must name at least one layer, and widths and bottleneck be at least 1, "
                f"got widths={tuple(widths)}, bottleneck={bottleneck}"
            )
        self.channels = channels
        self.downsample = downsample
        self.offset_scale = float(offset_scale)
        layer = partial(NormedLinear, bias=conv_bias, eps=eps)
        features = bottleneck or channels
        inputs = [3 + 2 * features, *widths]
        self.bottleneck = layer(channels, bottleneck) if bottleneck else None
        self.search = ProposalSearch(k, metric=metric, window=window, causal=causal)
        self.mlp = nn.ModuleList(layer(a, b) for a, b in zip(inputs, widths, strict=False))
        self.projection = layer(widths[-1], channels)
        assert self.projection.norm is not None
        nn.init.constant_(self.projection.norm.weight, initial_scale)

    @property
    def k(self) -> int:
        """Proposals per position."""
        return self.search.k

    @k.setter
    def k(self, k: int) -> None:
        self.search.k = k

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x + branch(x)``, ``(B, C, T, H, W)``."""
        return x + self.branch(x)

    def branch(self, x: Tensor) -> Tensor:
        """What the module adds to clips ``(B, C, T, H, W)``; by default zero until trained."""
        if x.dim() != 5 or x.shape[1] != self.channels:
            raise ValueError(
                f"x must have shape (B, {self.channels}, T, H, W), got {tuple(x.shape)}"
            )
        if x.shape[0] == 0:
            return x
        features, grid = self.searched_features(x)
        proposals = self.search(features)
        embedded = pair_embedding(
            features,
            proposals.indices,
            grid,
            self.pair_layers(),
            offset_scale=self.offset_scale,
            padded=self.search.may_run_short,
        )
        out = self.projection(embedded).unflatten(2, grid)
        return resize_grid(out, (x.shape[3], x.shape[4])).permute(0, 4, 1, 2, 3)

    def searched_features(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Features that are searched and paired: ``(B, T, S, C')`` and their grid ``(H', W')``."""
        x = x.permute(0, 2, 3, 4, 1)
        if self.bottleneck is not None:
            x = self.bottleneck(x)
        H, W = x.shape[2:4]
        grid = max(1, H // self.downsample), max(1, W // self.downsample)
        return resize_grid(x, grid).flatten(2, 3), grid

    def pair_layers(self) -> list[PairLayer]:
        """The pair MLP for :func:`motionlens.ops.pair_embedding`; norms folded in inference."""
        return [layer.as_pair_layer() for layer in self.mlp]  # type: ignore[operator]

    def extra_repr(self) -> str:
        """What ``repr`` shows between the brackets."""
        scale = f"offset_scale={self.offset_scale:g}"
        return f"{self.channels}, downsample={self.downsample}, {scale}"


class ProposalSearch(nn.Module):
    """The search of a CP module, a module of its own so that hooks can watch and replace it.

    Args:
        k: proposals per position.
        metric: as for :func:`motionlens.ops.knn_proposals`.
        window: likewise.
        causal: likewise.
    """

    def __init__(
        self, k: int, *, metric: Metric = "l2", window: int | None = None, causal: bool = False
    ) -> None:
        super().__init__()
        check_search(k, metric, window)
        self.k = k
        self.metric = metric
        self.window = window
        self.causal = causal
        self.impl: Impl = "auto"
        # What motionlens.inject_proposals puts in the place of a search.
        self.given: Tensor | None = None

    @property
    def may_run_short(self) -> bool:
        """Whether a position can have fewer than k candidates."""
        return self.causal or self.window is not None

    def forward(self, features: Tensor) -> Proposals:
        """Find the proposals of features ``(B, T, S, C)``."""
        if self.given is not None:
            return _given_proposals(features, self.given)
        return knn_proposals(
            features,
            self.k,
            metric=self.metric,
            window=self.window,
            causal=self.causal,
            impl=self.impl,
        )

    def extra_repr(self) -> str:
        """What ``repr`` shows between the brackets."""
        return f"k={self.k}, metric={self.metric}, window={self.window}, causal={self.causal}"


def _given_proposals(features: Tensor, indices: Tensor) -> Proposals:
    B, T, S, _ = features.shape
    if indices.shape[0] != B or indices[..., 0].numel() != B * T * S or indices.max() >= T * S:
        raise ValueError(
            f"indices must have shape ({B}, {T}, {S}, K) and lie below T*S = {T * S}, "
            f"got {tuple(indices.shape)} up to {int(indices.max())}"
        )
    indices = indices.reshape(B, T, S, -1).to(features.device, torch.int64)
    # Distances of given proposals are not measured: nothing downstream of the search uses them.
    distances = torch.full(indices.shape, torch.nan, device=features.device)
    return Proposals(indices, distances)


class NormedLinear(nn.Module):
    """A linear map of the last dimension and a batch norm; a 1x1x1 conv on channels-last clips.

    In inference both are one linear map.

    Args:
        inputs: channels in.
        outputs: channels out.
        bias: of the linear map.
        eps: of the norm.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool, eps: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=bias)
        self.norm: nn.BatchNorm1d | None = nn.BatchNorm1d(outputs, eps=eps)
        nn.init.kaiming_normal_(self.linear.weight, nonlinearity="relu")
        if bias:
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., inputs)`` to ``(..., outputs)``."""
        if self.norm is None or not self.norm.training:
            return F.linear(x, *self.folded())
        x = self.linear(x)
        return self.norm(x.flatten(0, -2)).view(x.shape)  # type: ignore[no-any-return]

    def fold(self) -> None:
        """Become the one linear map that inference needs, for good."""
        weight, bias = self.folded()
        self.linear.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.linear.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self.norm = None

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the one linear map that inference needs."""
        norm, weight = self.norm, self.linear.weight
        if norm is None:
            return weight, self.linear.bias
        assert norm.running_mean is not None
        assert norm.running_var is not None
        # An eps of 1e-5 is lost in half precision.
        variance = norm.running_var.to(torch.promote_types(weight.dtype, torch.float32))
        scale = norm.weight * torch.rsqrt(variance + norm.eps).to(weight.dtype)
        mean = norm.running_mean
        shift = -mean if self.linear.bias is None else self.linear.bias - mean
        return weight * scale[:, None], norm.bias + shift * scale

    def as_pair_layer(self) -> PairLayer:
        """As a layer of the pair MLP."""
        if self.norm is None or not self.norm.training:
            return PairLayer(*self.folded())
        return PairLayer(self.linear.weight, self.linear.bias, self.norm)


def set_num_proposals(model: nn.Module, k: int) -> None:
    """Change k in every CP module of a network, trained or not.

    Args:
        model: a network with at least one CP module.
        k: proposals per position, at least 1.

    Raises:
        ValueError: If k is below 1 or the network has no CP module.
    """
    searches = [module for module in model.modules() if isinstance(module, ProposalSearch)]
    check_search(k)
    if not searches:
        raise ValueError(f"{type(model).__name__} has no CP module whose k could be set to {k}")
    for search in searches:
        search.k = k
