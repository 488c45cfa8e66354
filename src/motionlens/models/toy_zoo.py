"""The toy networks that have names: two convolutions and the core of CPNet or a comparator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from motionlens.models.backbones import extended, merged
from motionlens.models.comparators.inflated import InflatedLayers
from motionlens.models.comparators.motion_filter import MotionFilter
from motionlens.models.comparators.non_local import NonLocal
from motionlens.models.comparators.relation import MultiScaleRelation
from motionlens.models.comparators.smart import Arrangement, SmartLayers
from motionlens.models.comparators.temporal_shift import TemporalShift
from motionlens.models.conventions import Conventions, Form, LayerFactory
from motionlens.models.correspondence import DEFAULT_OFFSET_SCALE, CorrespondenceProposal
from motionlens.models.registry import Builder, ClipDefaults, register_model
from motionlens.models.toy_net import ToyNet
from motionlens.ops.scoring import Metric


def _toy(
    form: Form = "c2d", layers: Callable[[Form, Conventions], LayerFactory] = LayerFactory
) -> Builder:
    """Builder of a toy network without core; its options are those of :class:`ToyNet`."""

    def build(
        *,
        num_classes: int,
        strides: Sequence[int] = (2, 1),
        widths: Sequence[int] = (16, 32),
        head: Literal["max", "avg"] = "max",
        margin: int = 0,
    ) -> ToyNet:
        return ToyNet(
            num_classes=num_classes,
            form=form,
            strides=strides,
            widths=widths,
            head=head,
            margin=margin,
            layers=layers,
        )

    return build


def _with_cp(
    net: ToyNet, *, k: int = 4, offset_scale: float = DEFAULT_OFFSET_SCALE, metric: Metric = "l2"
) -> ToyNet:
    net.core = CorrespondenceProposal(
        net.num_features, k=k, offset_scale=offset_scale, metric=metric
    )
    return net


def _with_non_local(net: ToyNet) -> ToyNet:
    net.core = NonLocal(net.num_features)
    return net


def _with_motion_filter(net: ToyNet, *, reduction: int = 4) -> ToyNet:
    net.core = MotionFilter(net.num_features, reduction=reduction)
    return net


def _with_shift(net: ToyNet, *, divisor: int = 8) -> ToyNet:
    # Behind the second convolution nothing would look at what was shifted together.
    net.between = TemporalShift(net.widths[0], divisor=divisor)
    return net


def _with_relation(net: ToyNet, *, scales: int = 4, hidden: int = 32, subsets: int = 3) -> ToyNet:
    head = MultiScaleRelation(net.num_features, scales=scales, hidden=hidden, subsets=subsets)
    net.set_consensus(head, head.num_features)
    return net


def _smart(*, arrangement: Arrangement = "dense", **options: Any) -> Any:
    return _toy("c3d", partial(SmartLayers, arrangement=arrangement))(**options)


_CLIP = ClipDefaults(num_frames=4, frame_stride=1, size=32)

register_model("toy_c2d", _toy(), _CLIP)
register_model("toy_c3d", _toy("c3d"), _CLIP)
register_model("toy_i3d", _toy("c3d", InflatedLayers), _CLIP)
register_model("toy_artnet", merged(_smart, _toy("c3d")), _CLIP)
for _name, _extend in {
    "cpnet": _with_cp,
    "nl": _with_non_local,
    "tsm": _with_shift,
    "trn": _with_relation,
    "mfnet": _with_motion_filter,
}.items():
    register_model(f"toy_{_name}", extended(_toy(), _extend), _CLIP)
