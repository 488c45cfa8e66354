"""Which precision a device can train in, and what to expect of it."""

import torch

# By the names that torch.cpu.get_capabilities has on x86 and on ARM.
_BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "avx10_2", "bf16", "arm_bf16")


def usable_precision(precision: str, device: str, *, has_bf16: bool) -> tuple[str, str | None]:
    """The precision that a device trains in when a recipe names one, and what is to be said.

    Args:
        precision: of the recipe: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        device: its type: ``cpu``, ``cuda`` or ``mps``.
        has_bf16: whether the device computes with bfloat16 itself, see :func:`has_bf16`.

    Returns:
        The precision, and a line that says what differs from what one would expect; None if
        nothing does.
    """
    if precision == "32-true":
        return precision, None
    what = f"optim.precision {precision}"
    if device == "mps":
        return precision, f"{what} has not been tried on mps; 32-true has nothing that could differ"
    if device == "cpu":
        parts = ["a CPU trains in bf16-mixed instead"] if precision == "16-mixed" else []
        if not has_bf16:
            parts.append("this CPU has no bf16 instructions, so 32-true may be as fast or faster")
        return "bf16-mixed", f"{what}: {'; '.join(parts)}" if parts else None
    if precision == "bf16-mixed" and not has_bf16:
        return precision, f"{what}: this GPU only emulates bf16; 16-mixed or 32-true is faster"
    return precision, None


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes with bfloat16 itself."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        found = torch.cpu.get_capabilities()
        return any(found.get(name) for name in _BF16_INSTRUCTIONS)
    return False
