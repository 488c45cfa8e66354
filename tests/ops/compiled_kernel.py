"""Compile the fused kernel for a GPU that need not be there and say what multiplies in it.

Usage: python compiled_kernel.py CAPABILITY. Prints a line of dtype, precision, instruction for
each way of making products. Uses parts of Triton that are not public and may move.
"""

import re
import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from motionlens.ops import proposals_triton

POINTERS = {"bias": "*fp32", "scores": "*fp32", "indices": "*i64"}
NUMBERS = {"T": "i32", "S": "i32", "window": "i32", "WORK": "i32"}


def compile_kernel(dtype, precision, config, capability, C=256, K=8):
    """Compile one configuration; returns Triton's compiled kernel."""
    kernel = proposals_triton._search_kernel.fn
    constants = {"C": C, "K": K, "SLOTS": triton.next_power_of_2(K), "CAUSAL": False}
    constants |= {"PRECISION": precision, **config.kwargs}
    signature = {"points": f"*{dtype}", **POINTERS, **NUMBERS}
    signature |= dict.fromkeys(constants, "constexpr")
    place = {name: (number,) for number, name in enumerate(kernel.arg_names)}
    source = ASTSource(
        kernel,
        signature,
        constexprs={place[name]: value for name, value in constants.items()},
        attrs={place[name]: [["tt.divisibility", 16]] for name in ("points", *POINTERS)},
    )
    options = {"num_warps": config.num_warps, "num_stages": config.num_stages}
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)


def main():
    capability = int(sys.argv[1])
    config = proposals_triton.CONFIGS[1]
    ways = [("bf16", "ieee"), ("fp16", "ieee"), ("fp32", "tf32x3"), ("fp32", "ieee")]
    for dtype, precision in ways:
        assembly = compile_kernel(dtype, precision, config, capability).asm["ptx"]
        found = re.search(r"^\s*(?:@\S+ )?(wgmma|mma)\.", assembly, re.MULTILINE)
        print(dtype, precision, found[1] if found else "fma")


if __name__ == "__main__":
    main()
