"""The authors' variables: their names for our parameters, their layout, and a strict load.

Names are those of their TensorFlow graph (``group1/block2/conv1/weights``). Kernels are stored as
``(*window, inputs, outputs)``: 5-D in the backbone, 4-D in a module's MLP, 2-D in the last layer.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from motionlens.models.conventions import CONVENTIONS
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.models.resnet import VideoResNet

LICENSE = "CC-BY-NC-SA-4.0"

_NORM_LEAVES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_LAYER_LEAVES = {"weight": "weights", "bias": "biases"}
# What each part of a layer's name becomes, one after the other.
_RENAMED: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"^layer(\d)\.(\d+)\.", lambda found: f"group{int(found[1]) - 1}/block{found[2]}/"),
    (r"^(conv|bn)1$", r"\g<1>0"),
    (r"downsample\.0", "convshortcut"),
    (r"downsample\.1", "convshortcut/bn"),
    (r"\bbn(\d)$", r"conv\1/bn"),
    (r"before_relu\.", "pointnet/"),
    (r"projection\.linear", "conv_final"),
    (r"projection\.norm", "bn_final"),
    (r"bottleneck\.", "conv_bottle0."),
    (r"mlp\.", "conv"),
    (r"\.linear$", ""),
    (r"\.norm$", "/bn"),
)
# Besides those found by their place under a variable's name.
_COUNTERS = re.compile(r"(.*/)?(global_step|(beta1|beta2)_power)(:0)?")
_SLOTS = re.compile(r".*/(Momentum|Adam|Adam_1|RMSProp|RMSProp_1|ExponentialMovingAverage)")
# So many names are spelt out in a message.
_LISTED = 10


class OfficialReport(NamedTuple):
    """What became of the authors' variables.

    Attributes:
        loaded: variable to parameter or buffer, every one of the network's.
        ignored: variables that belong to training: slots of an optimiser, step counters.
    """

    loaded: dict[str, str]
    ignored: tuple[str, ...]

    def __str__(self) -> str:
        ignored = f", {len(self.ignored)} ignored ({_listed(self.ignored)})" if self.ignored else ""
        return f"{len(self.loaded)} variables loaded{ignored}"


def load_official(
    model: nn.Module, variables: Mapping[str, Any], prefix: str = ""
) -> OfficialReport:
    """Fill a network, or one module, with the authors' variables; all of it or nothing.

    Args:
        model: a ``VideoResNet`` with ``conventions="official"``, or a
            :class:`motionlens.CorrespondenceProposal` with ``offset_scale=1, eps=1e-3,
            conv_bias=True``.
        variables: name to array or tensor; a ``:0`` at the end of a name is left out.
        prefix: take only the variables below it, such as ``"group1/block2/pointnet/"``.

    Returns:
        Which variable went where, and which were ignored.

    Raises:
        ValueError: If a variable is missing, left over, or of another shape; the message lists
            them. Also if a CP module multiplies its offsets, which the authors' do not. The network
            is then as it was.

    Warns:
        UserWarning: If a norm's epsilon or a module's metric is not the authors'.
    """
    targets, own = official_targets(model), model.state_dict()
    _check_form(model)
    given = below(variables, prefix)
    ignored = [name for name in given if _is_training_state(name, given)]
    found = {name: value for name, value in given.items() if name not in set(ignored)}
    problems: dict[str, list[str]] = {
        "missing": [prefix + name for name in targets if name not in found],
        "left over": [prefix + name for name in found if name not in targets],
        "of another shape": [],
        "with wrong numbers": [],
    }
    values: dict[str, Tensor] = {}
    for name in [name for name in targets if name in found]:
        value, target = found[name], own[targets[name]]
        if (wrong := wrong_numbers(name, value)) is not None:
            problems["with wrong numbers"].append(f"{prefix}{name} {wrong}")
        elif (fitted := fit(to_torch_layout(value), target)) is None:
            misfit = f"{prefix}{name} {tuple(value.shape)} instead of {_their_shape(target)}"
            problems["of another shape"].append(misfit)
        else:
            values[targets[name]] = fitted
    told = [f"{len(names)} {what}: {_listed(names)}" for what, names in problems.items() if names]
    if told:
        raise ValueError(
            "variables must be those of this network, one for each of its parameters; "
            + "; ".join(told)
        )
    model.load_state_dict(values, strict=False)
    return OfficialReport(
        {prefix + name: entry for name, entry in targets.items()},
        tuple(prefix + name for name in ignored),
    )


def official_targets(model: nn.Module) -> dict[str, str]:
    """The authors' name of every parameter and statistic of a network or module.

    Returns:
        Their name to ours, in the order of the network.

    Raises:
        ValueError: For a network of another kind.
    """
    if not isinstance(model, CorrespondenceProposal | VideoResNet):
        raise ValueError(
            "model must be a VideoResNet or a CorrespondenceProposal, "
            f"got {type(model).__name__}, which the authors do not have"
        )
    targets = {}
    for layer, module in model.named_modules():
        leaves = _NORM_LEAVES if isinstance(module, _BatchNorm) else _LAYER_LEAVES
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        for name, _ in own:
            if name != "num_batches_tracked":
                targets[f"{_their_layer(layer)}/{leaves[name]}"] = f"{layer}.{name}"
    return targets


def to_torch_layout(value: Any) -> Tensor:
    """A variable with the axes of PyTorch: a kernel as ``(outputs, inputs, *window)``.

    Args:
        value: array or tensor; a kernel as ``(*window, inputs, outputs)``.
    """
    found = value if isinstance(value, Tensor) else torch.tensor(value)
    return found if found.dim() < 2 else found.permute(-1, -2, *range(found.dim() - 2))


def fit(value: Tensor, target: Tensor) -> Tensor | None:
    """A variable in the shape and dtype of its parameter, or None if the shapes do not fit.

    A window's leading sizes of 1 may be left out or stand in either of them: theirs are of 1x1
    pixels where ours is a linear map, and have a time of 1 where ours works frame by frame.
    """
    while value.dim() > max(target.dim(), 2) and value.shape[2] == 1:
        value = value.squeeze(2)
    while 2 <= value.dim() < target.dim() and target.shape[2] == 1:
        value = value.unsqueeze(2)
    return value.to(target.dtype) if value.shape == target.shape else None


def below(variables: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The variables below a prefix, by the rest of their names.

    Raises:
        ValueError: If there are none.
    """
    found = {}
    for name, value in variables.items():
        if name.startswith(prefix):
            short = name.removesuffix(":0").removeprefix(prefix)
            if short in found:
                raise ValueError(f"variables must be named once each, got {prefix}{short} twice")
            found[short] = value
    if not found:
        raise ValueError(
            f"prefix must be the beginning of a variable's name, got {prefix!r}; "
            f"the variables are {_listed(variables) or 'none'}"
        )
    return found


def wrong_numbers(name: str, value: Any) -> str | None:
    """What is wrong with the numbers of a variable; None if nothing is."""
    try:
        numbers = value if isinstance(value, Tensor) else torch.tensor(value)
    except (TypeError, ValueError):
        return "holds no numbers"
    if numbers.is_complex() or numbers.dtype == torch.bool:
        return f"is {numbers.dtype}".replace("torch.", "")
    if not torch.isfinite(numbers).all():
        return "holds NaN or inf"
    if name.endswith(("moving_variance", "running_var")) and (numbers < 0).any():
        return "is negative"
    return None


def _check_form(model: nn.Module) -> None:
    """Check what no variable says: offsets must not be scaled; other epsilons and metrics warn."""
    modules = [m for m in model.modules() if isinstance(m, CorrespondenceProposal)]
    for module in modules:
        if module.offset_scale != 1:
            raise ValueError(
                "model must have CP modules with offset_scale=1 as the authors' have, got "
                f"{module.offset_scale:g}; build it with conventions='official'"
            )
    epsilons = {module.eps for module in model.modules() if isinstance(module, _BatchNorm)}
    for what, theirs, found in (
        ("modules search by", "l2", {module.search.metric for module in modules}),
        ("norms have an epsilon of", CONVENTIONS["official"].norm_eps, epsilons),
    ):
        for ours in found - {theirs}:
            warnings.warn(
                f"the authors' {what} {theirs}, this one's {ours}: its answers will differ",
                stacklevel=3,
            )


def _their_shape(target: Tensor) -> tuple[int, ...]:
    """The shape of a parameter's variable, as far as ours says it."""
    shape = tuple(target.shape)
    return shape if len(shape) < 2 else (*shape[2:], shape[1], shape[0])


def _their_layer(name: str) -> str:
    """``layer2.1.bn1`` is ``group1/block1/conv1/bn``; a module's ``mlp.0.norm`` is ``conv0/bn``."""
    for pattern, theirs in _RENAMED:
        name = re.sub(pattern, theirs, name)
    return name


def _is_training_state(name: str, variables: Mapping[str, Any]) -> bool:
    """Whether a variable belongs to training: an optimiser's slot or a counter."""
    if getattr(variables[name], "shape", ()) == () or _COUNTERS.fullmatch(name):
        return True
    return name.rpartition("/")[0] in variables or _SLOTS.fullmatch(name) is not None


def _listed(names: Any) -> str:
    names = list(names)
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + rest
