"""Names of devices."""

import torch

from motionlens._utils.checks import check_choice

DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str) -> torch.device:
    """The device that a name stands for on this machine.

    Args:
        name: ``"auto"`` for CUDA, else MPS, else the CPU, whichever there is; or a device that must
            be there, such as ``"cuda"`` or ``"cuda:1"``.

    Raises:
        ValueError: If the name is unknown or this machine has no such device.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    kind = name.partition(":")[0]
    check_choice("device", kind, DEVICES)
    if (kind == "cuda" and not cuda) or (kind == "mps" and not mps):
        raise ValueError(f"PyTorch finds no device {name!r} here; take 'auto' or 'cpu'")
    return torch.device(name)
