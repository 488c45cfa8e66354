"""Start a network from other weights: load what fits, report or reject the rest."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from motionlens.models.blocks import SOCKETS
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.models.weights.official import fit, official_targets, to_torch_layout, wrong_numbers

_HEAD = ("fc.weight", "fc.bias")
_PLUGINS = "|".join([*SOCKETS, "core", "consensus"])
_PLUGIN = re.compile(rf"(.*\.)?({_PLUGINS})\..*")
_COUNT = "num_batches_tracked"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights of some network, as they were found.

    Attributes:
        origin: where they come from, for messages.
        state: entry to tensor, with torchvision's names and layout.
        variables: name to array, with the authors' names and layout, instead of ``state``.
        model: name of the network that they are of; empty if unknown.
        class_names: label names in the order of its logits; empty if unknown.
    """

    origin: str
    state: Mapping[str, Tensor] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    class_names: Sequence[str] = ()


class TransferReport(NamedTuple):
    """What became of the entries of a network that starts from other weights.

    Attributes:
        origin: where the weights come from.
        loaded: taken as they are.
        inflated: 2D kernels made 3D.
        zeroed: biases that the source's convolutions do not have.
        fresh: left as they were: the head or parts of it, plug-ins.
        unused: entries of the source that have no place: its head, its plug-ins.
        kept_classes: class names whose row of the head was taken.
    """

    origin: str
    loaded: Sequence[str]
    inflated: Sequence[str]
    zeroed: Sequence[str]
    fresh: Sequence[str]
    unused: Sequence[str]
    kept_classes: Sequence[str]

    def lines(self) -> Iterator[str]:
        """The report in words."""
        yield f"starts from {self.origin}: {len(self.loaded)} entries as they are"
        if self.inflated:
            yield f"  {len(self.inflated)} kernels inflated to 3D"
        if self.zeroed:
            yield f"  {len(self.zeroed)} biases set to zero, which the source does not have"
        if self.kept_classes:
            yield f"  rows of the head taken for {len(self.kept_classes)} classes of these names"
        if self.fresh:
            rest = " (all other classes)" if self.kept_classes and self.fresh[-1] in _HEAD else ""
            yield f"  fresh: {_by_layer(self.fresh)}{rest}"
        if self.unused:
            yield f"  of the source unused: {_by_layer(self.unused)}"


def start_from(
    model: nn.Module, weights: Weights, class_names: Sequence[str] = ()
) -> TransferReport:
    """Fill a network with the weights of another one of the same backbone.

    The backbone must fit entirely: a missing, misshapen or left-over entry is an error. Plug-ins
    may be absent on either side; CP modules that the source lacks start as the identity. Rows of
    the head are taken for classes of the same name, where the source's names are known; the
    others, or all, stay fresh.

    Args:
        model: gets the weights; a 3D form takes 2D kernels inflated.
        weights: see :func:`motionlens.inference.weight_sources.read_weights`.
        class_names: label names in the order of the model's logits.

    Returns:
        What was and what was not loaded.

    Raises:
        ValueError: If the backbone does not fit. The network is then as it was.
    """
    own = model.state_dict()
    source, foreign = _in_our_terms(model, weights)
    for name, value in source.items():
        if (problem := wrong_numbers(name, value)) is not None:
            raise ValueError(f"{weights.origin} cannot be started from: {name} {problem}")
    values = inflate({n: v for n, v in source.items() if n not in _HEAD}, model)
    inflated = [name for name in values if values[name].dim() > source[name].dim()]
    zeroed = [name for name in own if name not in values and _is_conv_bias(name, own)]
    values |= {name: torch.zeros_like(own[name]) for name in zeroed}
    fresh = [n for n in own if n not in values and n not in _HEAD and not n.endswith(_COUNT)]
    unused = [name for name in values if name not in own] + foreign
    misfits = [n for n in values if n in own and values[n].shape != own[n].shape]
    _refuse_misfits(weights, fresh, unused, misfits)
    head, kept = _head_rows(own, source, weights, class_names)
    values = {name: value for name, value in values.items() if name in own} | head
    model.load_state_dict(values, strict=False)
    _keep_as_it_is(model, fresh)
    if _HEAD[0] in own and len(kept) < own[_HEAD[0]].shape[0]:
        fresh += _HEAD
    if _HEAD[0] in source and not kept:
        unused += [name for name in _HEAD if name in source]
    altered = {*inflated, *zeroed, *head}
    loaded = [name for name in values if name not in altered and not name.endswith(_COUNT)]
    return TransferReport(weights.origin, loaded, inflated, zeroed, fresh, unused, kept)


def _keep_as_it_is(model: nn.Module, fresh: Sequence[str]) -> None:
    """Let fresh CP modules be the identity, so that they change nothing of what is trained."""
    for name, module in model.named_modules():
        if isinstance(module, CorrespondenceProposal):
            if f"{name}.projection.linear.weight" in fresh:
                assert module.projection.norm is not None
                nn.init.zeros_(module.projection.norm.weight)


def inflate(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Turn the 2D kernels of a state dict into those of a 3D network of the same names.

    A kernel of length t in time is t copies of the 2D one, each divided by t, so that a still
    video gives what its one frame gave (but near the ends of the clip, which are padded).

    Args:
        state: of a 2D network, such as an ImageNet ResNet.
        model: the 3D network, for the shapes.

    Returns:
        The state dict to load; entries that are no kernels of another rank are passed on as they
        are.

    Raises:
        ValueError: If a kernel does not fit in its other dimensions.
    """
    inflated = dict(state)
    for name, wanted in model.state_dict().items():
        if name not in state or (state[name].dim(), wanted.dim()) != (4, 5):
            continue
        length = wanted.shape[2]
        kernel = state[name].unsqueeze(2).expand(-1, -1, length, -1, -1) / length
        if kernel.shape != wanted.shape:
            raise ValueError(
                f"{name} must have shape {(*wanted.shape[:2], *wanted.shape[3:])} to be inflated, "
                f"got {tuple(state[name].shape)}"
            )
        inflated[name] = kernel
    return inflated


def _in_our_terms(model: nn.Module, weights: Weights) -> tuple[dict[str, Tensor], list[str]]:
    """The weights with our names and layout, and the names that have no counterpart."""
    if not weights.variables:
        return dict(weights.state), []
    own, left, found = model.state_dict(), dict(weights.variables), {}
    for name, entry in official_targets(model).items():
        if name in left:
            value = to_torch_layout(left.pop(name))
            fitted = fit(value, own[entry])
            # One that does not fit is passed on, to be inflated or reported.
            found[entry] = value if fitted is None else fitted
    return found, list(left)


def _head_rows(
    own: Mapping[str, Tensor],
    source: Mapping[str, Tensor],
    weights: Weights,
    class_names: Sequence[str],
) -> tuple[dict[str, Tensor], list[str]]:
    """The head with the rows of classes that the source knows by name, and their names."""
    known = weights.class_names
    kept = [name for name in class_names if name in known]
    # Compared with their rows left out: those of the source are as many as its names.
    fits = all(
        name in own and name in source and source[name].shape == (len(known), *own[name].shape[1:])
        for name in _HEAD
    )
    if not kept or not fits:
        return {}, []
    into = [class_names.index(name) for name in kept]
    rows = [known.index(name) for name in kept]
    head = {name: own[name].clone() for name in _HEAD}
    for name in _HEAD:
        head[name][into] = source[name][rows].to(head[name].dtype)
    return head, kept


def _is_conv_bias(name: str, own: Mapping[str, Tensor]) -> bool:
    """Whether an entry is the bias of a backbone's convolution, before a norm."""
    if not name.endswith(".bias") or _PLUGIN.fullmatch(name):
        return False
    weight = own.get(name.removesuffix("bias") + "weight")
    return weight is not None and weight.dim() > 3


def _refuse_misfits(
    weights: Weights, fresh: Sequence[str], unused: Sequence[str], misfits: Sequence[str]
) -> None:
    missing = [name for name in fresh if not _PLUGIN.fullmatch(name)]
    left = [n for n in unused if not _PLUGIN.fullmatch(n) and "/pointnet/" not in n]
    found = {"are missing": missing, "have no place": left, "are of another shape": misfits}
    problems = [
        f"{len(names)} entries {what}, such as {names[0]}" for what, names in found.items() if names
    ]
    if problems:
        hint = f"they are of {weights.model}" if weights.model else "name the model they are of"
        raise ValueError(
            f"{weights.origin} must hold weights of the model's own backbone, "
            f"{'; '.join(problems)}; {hint}"
        )


def _by_layer(names: Collection[str]) -> str:
    """Names with all that belongs to one plug-in or layer put together."""
    plugin = rf"((?:{_PLUGINS}))\..*"
    layers = [re.sub(rf"{plugin}|\.(weight|bias)$", r"\1", name) for name in names]
    return ", ".join(dict.fromkeys(layers))
