"""The head of a network that starts from trained weights, fitted to its new classes beforehand."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from motionlens.clips.video_index import VideoIndex
from motionlens.inference.card import ModelCard
from motionlens.inference.runner import Runner, run_videos
from motionlens.models.network import VideoNetwork
from motionlens.models.weights.transfer import TransferReport

# Clips that the head is fitted to: more change little.
_MOST_CLIPS = 512
# Weight of the squares, of features whose variance is one.
_DECAY = 0.03
_MOST_ITERATIONS = 200


def has_new_classes(model: nn.Module, report: TransferReport | None) -> bool:
    """Whether trained weights were loaded into a network, but not for all classes of its head."""
    return (
        isinstance(model, VideoNetwork)
        and report is not None
        and any(name.startswith("fc") for name in report.fresh)
    )


def fit_head(
    model: nn.Module,
    card: ModelCard,
    videos: VideoIndex,
    *,
    device: str = "cpu",
    batch_size: int = 16,
    num_workers: int | None = None,
    skip_broken: bool = False,
) -> str:
    """Fit a network's linear layer to the features that its other weights give.

    A random head would pull the features towards itself before it is of any use (Kumar et al.,
    "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022).

    Args:
        model: as for :func:`has_new_classes`; its head is replaced, the rest stays.
        card: says what a clip is, and whether a video may show several classes.
        videos: labelled; at most 512 of them are looked at, evenly spread.
        device: where the features are computed.
        batch_size: clips at a time.
        num_workers: processes that decode.
        skip_broken: leave out videos that cannot be decoded, instead of stopping.

    Returns:
        A line on what was done.

    Raises:
        VideoError: If a video cannot be decoded and is not to be skipped.
    """
    assert isinstance(model, VideoNetwork)
    number = min(len(videos), _MOST_CLIPS)
    videos = videos.subset(np.linspace(0, len(videos) - 1, number).round().astype(int))
    runner = Runner(model, card, device=device)
    found = [
        (position, row)
        for position, (_, row) in enumerate(
            run_videos(
                runner,
                videos,
                runner.features,
                batch_size=batch_size,
                num_workers=num_workers,
                skip_broken=skip_broken,
            )
        )
        if isinstance(row, Tensor)
    ]
    model.train()
    kept = [position for position, _ in found]
    features = torch.stack([row for _, row in found])
    if card.multi_label:
        assert videos.targets is not None
        targets = torch.from_numpy(videos.targets[kept]).float()
    else:
        targets = torch.from_numpy(videos.labels[kept])
    weight, bias = fitted_linear(features, targets, len(card.class_names))
    with torch.no_grad():
        model.fc.weight.copy_(weight)
        model.fc.bias.copy_(bias)
    return f"the head starts fitted to {len(kept)} clips as these weights see them"


def fitted_linear(features: Tensor, targets: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Logistic regression with a penalty on squares.

    Args:
        features: float32 ``(n, D)``.
        targets: labels int64 ``(n,)``, or float ``(n, num_classes)`` in 0 to 1 where several may
            hold.
        num_classes: at least 2.

    Returns:
        Weight ``(num_classes, D)`` and bias ``(num_classes,)`` of the linear layer.
    """
    middle, spread = features.mean(0), features.std(0, correction=0).clamp_min(1e-6)
    inputs = (features - middle) / spread
    weight = torch.zeros(num_classes, features.shape[1], requires_grad=True)
    bias = torch.zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_MOST_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        logits = F.linear(inputs, weight, bias)
        if targets.is_floating_point():
            value = F.binary_cross_entropy_with_logits(logits, targets)
        else:
            value = F.cross_entropy(logits, targets)
        value = value + _DECAY * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    weight = (weight / spread).detach()
    return weight, bias.detach() - weight @ middle
