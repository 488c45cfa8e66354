"""The suites of ``motionlens bench``: which cases, and what is run side by side in each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from motionlens.bench.alternatives import PlainCorrespondence
from motionlens.bench.timing import Run
from motionlens.models.comparators.non_local import NonLocal
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.models.frame_stream import FrameStream
from motionlens.models.optimize import optimize
from motionlens.models.registry import create_model
from motionlens.ops.proposals import knn_proposals


class Case(NamedTuple):
    """One comparison.

    Attributes:
        name: such as ``"res4 8x14x14"``.
        group: cases of one table.
        runs: what is timed, by the name of the alternative; ours is ``"cpnet"``.
        units: what one run processes, for a rate: ``(8, "frames")``; None for no rate.
    """

    name: str
    group: str
    runs: dict[str, Run]
    units: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and how a suite runs.

    Attributes:
        device: of all tensors.
        dtype: of weights and features.
        batch_size: clips per batch.
        compiled: whether compiled alternatives run too; compiling takes a minute per case.
        quick: whether only the smallest case of each group runs.
    """

    device: torch.device
    dtype: torch.dtype
    batch_size: int
    compiled: bool
    quick: bool


_BOTTLENECK = {"k": 4, "bottleneck": 128}
# Name, frames, rows and columns, channels and options of CP modules:
# ResNet-34's modules at 112 and 224 pixels (res3 searches at half resolution), and ResNet-101's.
SITES: list[tuple[str, int, int, int, dict[str, Any]]] = [
    ("res4", 8, 14, 256, {}),
    ("res4", 12, 14, 256, {}),
    ("res4", 24, 14, 256, {}),
    ("res4", 32, 14, 256, {}),
    ("res4", 64, 14, 256, {}),
    ("res4", 128, 14, 256, {}),
    ("res3", 8, 28, 128, {"downsample": 2}),
    ("res3", 32, 28, 128, {"downsample": 2}),
    ("res3 whole", 8, 28, 128, {}),
    ("res2 whole", 8, 56, 64, {}),
    ("R101 res4", 8, 14, 1024, _BOTTLENECK),
    ("R101 res4", 32, 14, 1024, _BOTTLENECK),
]

# Frames, and rows and columns with channels, of the features of searches by themselves: N is 196
# to 16,384.
SEARCHED_FRAMES = (4, 8, 16, 32, 64)
SEARCHED_GRIDS = ((7, 512), (8, 64), (10, 128), (14, 256), (14, 512), (16, 32))
# Clips per step of the smallest networks, which train with so many.
SMALL_BATCH = 16
# Alternatives that store N x N numbers run where these take no more, bytes.
MOST_STORED = 1.2e9

# Frames and pixels of the clips that whole networks take; those of streams are the first.
SIZES = [(8, 112), (32, 112), (8, 224)]


def ops_suite(setting: Setting) -> Iterator[Case]:
    """The module by itself: inference, then training."""
    for where, frames, size, channels, options in SITES[:1] if setting.quick else SITES:
        module = CorrespondenceProposal(channels, **options)
        for norm in (m for m in module.modules() if isinstance(m, nn.BatchNorm1d)):
            nn.init.ones_(norm.weight)  # a new module ends in a scale of zero
        clip = torch.randn(setting.batch_size, channels, frames, size, size)
        module, clip = module.to(setting.device, setting.dtype), _placed(clip, setting)
        name = f"{where} {frames}x{size}x{size}, {channels} channels"
        non_local = NonLocal(channels).to(setting.device, setting.dtype)
        candidates: dict[str, nn.Module] = {"cpnet": module, "non-local": non_local}
        features = module.searched_features(clip)[0].detach().flatten(1, 2).contiguous()
        is_small = features.shape[1] ** 2 * features.element_size() <= MOST_STORED
        if is_small:
            candidates["plain"] = PlainCorrespondence(module)
        fast = {label: optimize(candidate) for label, candidate in candidates.items()}
        if setting.compiled and is_small:
            fast["plain, compiled"] = torch.compile(fast["plain"])  # type: ignore[assignment]
            compiled: Any = torch.compile(candidates["plain"])
            candidates["plain, compiled"] = compiled
        runs = {label: _inference(candidate, clip) for label, candidate in fast.items()}
        if is_small:
            runs["product"] = _inference(lambda f: f @ f.mT, features)
        yield Case(name, "module, inference", runs)
        for candidate in candidates.values():
            candidate.train()
        yield Case(
            name,
            "module, forward and backward",
            {label: _training(candidate, clip) for label, candidate in candidates.items()},
        )


def search_suite(setting: Setting) -> Iterator[Case]:
    """The search by itself, beside what it cannot do without and what PyTorch has for it."""
    grids, lengths = SEARCHED_GRIDS, SEARCHED_FRAMES
    for size, channels in grids[:1] if setting.quick else grids:
        for frames in lengths[:1] if setting.quick else lengths:
            shape = setting.batch_size, frames, size * size, channels
            features = torch.randn(shape, device=setting.device, dtype=setting.dtype)
            whole = features.flatten(1, 2)
            runs: dict[str, Run] = {
                "cpnet": partial(knn_proposals, features, 8),
                "product": _inference(lambda f: f @ f.mT, whole),
                "product, mask, topk": partial(knn_proposals, features, 8, impl="reference"),
            }
            yield Case(f"{frames}x{size}x{size}, {channels} channels", "search, k 8", runs)


def models_suite(setting: Setting) -> Iterator[Case]:
    """Whole networks: inference, a training step, and a stream of overlapping windows."""
    for frames, size in SIZES[:1] if setting.quick else SIZES:
        clip = _placed(torch.randn(setting.batch_size, 3, frames, size, size), setting)
        name = f"{frames}x{size}x{size}"
        networks = _networks(1 if size <= 112 else 2)
        fast = {n: optimize(m.to(setting.device), dtype=setting.dtype) for n, m in networks.items()}
        runs = {label: _inference(network, clip) for label, network in fast.items()}
        yield Case(name, "ResNet-34, inference", runs, (setting.batch_size, "clips"))
        if (frames, size) == SIZES[0]:
            trained = {n: m.to(setting.dtype).train() for n, m in networks.items()}
            training = {n: _training(m, clip) for n, m in trained.items()}
            yield Case(name, "ResNet-34, training step", training, (setting.batch_size, "clips"))
    yield _stream_case(setting)
    small = {
        form: create_model(f"{form}_nano", num_classes=7).to(setting.device)
        for form in ("cpnet", "c2d", "c3d")
    }
    clip = _placed(torch.randn(setting.batch_size, 3, 8, 64, 64), setting)
    runs = {n: _inference(optimize(m, dtype=setting.dtype), clip) for n, m in small.items()}
    yield Case("8x64x64", "nano, inference", runs, (setting.batch_size, "clips"))
    clips = _placed(torch.randn(SMALL_BATCH, 3, 16, 64, 64), setting)
    runs = {n: _training(m.to(setting.dtype).train(), clips) for n, m in small.items()}
    yield Case("16x64x64", "nano, training step", runs, (SMALL_BATCH, "clips"))


def _networks(stem_stride: int) -> dict[str, nn.Module]:
    """ResNet-34 with CP modules, without, with non-local blocks in their places, and in 3D."""
    options = {"num_classes": 27, "stem_stride": stem_stride}
    return {
        "cpnet": create_model("cpnet_resnet34", **options),
        "c2d": create_model("c2d_resnet34", **options),
        "non-local": create_model("nl_c2d_resnet34", **options),
        "c3d_resnet18": create_model("c3d_resnet18", **options),
    }


def _stream_case(setting: Setting) -> Case:
    """One more frame of a stream: windows of 8 frames with a hop of one frame."""
    network = optimize(
        create_model("cpnet_resnet34", num_classes=27, stem_stride=1).to(setting.device),
        dtype=setting.dtype,
    )
    frames, size = SIZES[0]
    pictures = _placed(torch.randn(frames, 3, size, size), setting)
    stream = FrameStream(network, num_frames=frames)
    stream.push(pictures)
    return Case(
        f"{frames}x{size}x{size}, one frame on",
        "stream",
        {
            "cpnet": lambda: stream.push(pictures[:1]),
            "window by window": _inference(network, pictures.transpose(0, 1)[None]),
        },
        (1, "frames"),
    )


def _placed(tensor: Tensor, setting: Setting) -> Tensor:
    tensor = tensor.to(setting.device, setting.dtype)
    # As frames come out of convolutions on channels-last weights.
    return tensor.to(memory_format=torch.channels_last_3d) if tensor.dim() == 5 else tensor


def _inference(model: Callable[[Tensor], Tensor], x: Tensor) -> Run:
    def run() -> None:
        with torch.inference_mode():
            model(x)

    return run


def _training(model: nn.Module, x: Tensor) -> Run:
    x = x.detach().requires_grad_()

    def run() -> None:
        model.zero_grad(set_to_none=True)
        x.grad = None
        model(x).sum().backward()

    return run
