"""Watch or replace the proposals of a network while it runs.

Modules are named by the block that they sit in (``"layer2.2"``) in a ``VideoResNet``, and by their
own qualified name in any other network (``""`` for a bare module).
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from motionlens._utils.checks import check_choice, check_number
from motionlens.models.correspondence import CorrespondenceProposal
from motionlens.ops.proposals import Proposals


def correspondence_modules(model: nn.Module) -> dict[str, CorrespondenceProposal]:
    """All CP modules of a network by the names that capturing and injecting use, in order."""
    return {
        name.removesuffix(f".{module.socket}"): module
        for name, module in model.named_modules()
        if isinstance(module, CorrespondenceProposal)
    }


@contextmanager
def capture_proposals(model: nn.Module) -> Iterator[dict[str, Proposals]]:
    """Collect what every CP module proposes in the forward passes inside the ``with`` block.

    Args:
        model: a network with CP modules, or one module.

    Yields:
        A dict that each forward pass fills anew: block name to :class:`motionlens.ops.Proposals`.

    Example:
        >>> module = CorrespondenceProposal(16, k=2)
        >>> with capture_proposals(module) as seen:
        ...     _ = module(torch.randn(1, 16, 4, 3, 3))
        >>> seen[""].indices.shape
        torch.Size([1, 4, 9, 2])
    """
    seen: dict[str, Proposals] = {}
    with ExitStack() as stack:
        for name, module in correspondence_modules(model).items():

            def keep(_: nn.Module, __: Any, proposals: Proposals, name: str = name) -> None:
                seen[name] = proposals

            stack.callback(module.search.register_forward_hook(keep).remove)
        yield seen


@contextmanager
def inject_proposals(model: nn.Module, indices: Mapping[str, Tensor]) -> Iterator[None]:
    """Let CP modules use the given proposals instead of searching, inside the ``with`` block.

    Args:
        model: a network with CP modules, or one module.
        indices: block name to int64 ``(B, T, S, K)`` (or ``(B, T*S, K)``) into ``T*S``, on the
            module's searched grid; -1 for none, in modules with a window or causal search only.
            Modules that are not named search as usual.

    Raises:
        ValueError: For a name without module, an index out of range, or, in the forward pass, a
            shape that does not fit the features.
    """
    modules = correspondence_modules(model)
    with ExitStack() as stack:
        for name, given in indices.items():
            check_choice("a block with a CP module", name, modules)
            least = -1 if modules[name].search.may_run_short else 0
            check_number(f"indices of block {name!r}", int(given.min()), least=least)
            search = modules[name].search
            stack.callback(setattr, search, "given", search.given)
            search.given = given
        yield
