"""A family of networks: one way to see motion, on every backbone and in the toy's network."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torch import nn

from motionlens.models.backbones import Backbone, ClipDefaults
from motionlens.models.conventions import Form, LayerFactory, LayerMaker
from motionlens.models.resnet import VideoResNet
from motionlens.models.toy_net import ToyNet

Options = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Family:
    """What a family is, what it adds to a plain ResNet, and where.

    One of `plugin`, `consensus`, `layers` and `build` says what is added; it takes the family's own
    options by keyword.

    Attributes:
        name: beginning of the networks' names: ``"tsm"`` of ``tsm_nano``.
        label: its name in tables.
        summary: what it is, in a few words.
        paper: where it was published.
        backbones: keys of :data:`motionlens.models.backbones.BACKBONES`; one network on each.
        options: the family's own options and their defaults; a function of the backbone where they
            depend on it.
        form: ``"c2d"`` or ``"c3d"`` convolutions.
        plugin: class of a module that ``plugin(channels, **options)`` makes for a block; its class
            attribute ``socket`` says where in the block it sits. The blocks are those of the option
            `modules`: stage to number from the stage's end, or a list of block names.
        of_block: ``of_block(name, block, conventions, **options)`` makes the plug-in's options for
            one block, where they are not the family's own in all blocks.
        consensus: class of a module that ``consensus(channels, **options)`` makes for the place of
            the mean over frames; maps ``(B, T, channels)`` to ``(B, num_features)``.
        layers: ``layers(form, conventions, **options)`` makes the convolutions.
        build: for anything else: ``build(create, num_classes=..., **options)`` returns the
            network; ``create(family_name, num_classes=..., **options)`` builds one of another
            family on the same backbone. `options` then names all options of the network.
        flow_frames: frames of optical flow that are stacked behind each frame's colours.
        clip: clips of a network that needs no backbone; it has the family's name.
        toy: own options of its toy network, with their defaults; None if it has none.
        toy_name: of that network, behind ``toy_``, if it is not `name`.
    """

    name: str
    label: str
    summary: str
    paper: str
    backbones: tuple[str, ...] = ("nano", "resnet18", "resnet34")
    options: Options | Callable[[Backbone], Options] = field(default_factory=dict)
    form: Form = "c2d"
    plugin: type[Any] | None = None
    of_block: Callable[..., dict[str, Any]] | None = None
    consensus: type[Any] | None = None
    layers: Callable[..., LayerFactory] | None = None
    build: Callable[..., nn.Module] | None = None
    flow_frames: int = 0
    clip: ClipDefaults | None = None
    toy: Options | None = None
    toy_name: str | None = None

    def own_options(self, backbone: Backbone) -> Options:
        """The family's own options and their defaults on a backbone."""
        return self.options(backbone) if callable(self.options) else self.options

    def on(self, backbone: Backbone, *, num_classes: int, **options: Any) -> nn.Module:
        """Build the network on a backbone, where the family has no `build` of its own."""
        own = {name: options.pop(name) for name in self.own_options(backbone)}
        changed = replace(backbone, widths=options.pop("widths"), dropout=options.pop("dropout"))
        layers = self._layer_maker(own)
        model = VideoResNet(
            changed, num_classes=num_classes, form=self.form, layers=layers, **options
        )
        if self.flow_frames:
            model.change_inputs(3 + 2 * self.flow_frames)
        if self.plugin is not None:
            for name in model.block_names(own.pop("modules")):
                block = model.block(name)
                channels = block.inputs if self._is_early else block.outputs
                here = own
                if self.of_block is not None:
                    here = self.of_block(name, block, options["conventions"], **own)
                model.attach(name, self.plugin(channels, **here))
        if self.consensus is not None:
            model.set_consensus(self.consensus(model.num_features, **own))
        return model

    def as_toy(self, *, num_classes: int, **options: Any) -> ToyNet:
        """Build the toy network."""
        assert self.toy is not None
        own = {name: options.pop(name) for name in self.toy}
        layers = self._layer_maker(own)
        net = ToyNet(num_classes=num_classes, form=self.form, layers=layers, **options)
        if self.plugin is not None:
            # An early plug-in goes before the second convolution: behind it nothing would follow.
            place, channels = ("between", 0) if self._is_early else ("core", 1)
            setattr(net, place, self.plugin(net.widths[channels], **own))
        if self.consensus is not None:
            net.set_consensus(self.consensus(net.num_features, **own))
        return net

    @property
    def _is_early(self) -> bool:
        return getattr(self.plugin, "socket", None) == "before_conv1"

    def _layer_maker(self, own: Options) -> LayerMaker:
        return LayerFactory if self.layers is None else partial(self.layers, **own)
