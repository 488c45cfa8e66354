"""Files of ``torch.save`` that a stranger may have written: checked before torch reads them.

Torch runs no code of such a file, but does not count what it asks for: a name that is not allowed
is searched with a regular expression whose time grows by the square of its length, and values that
hold each other several times take time and memory that double with each of them.
"""

import io
import pickle
import pickletools
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from motionlens._utils.files import check_expansion
from motionlens._utils.resource_limits import limited_memory

# Names of functions and classes are shorter, and whole numbers smaller, torch's own mark included.
_LONGEST_NAME, _LARGEST = 200, 2**80
# Files without an archive begin with as many pickles: mark, version, sizes, object, keys.
_NUM_PICKLES = 5
# Values in a file, those that are used again counted again, per operation and beyond.
_VALUES_PER_OPERATION, _MORE_VALUES = 10, 1_000_000
# Beyond the tensors, bytes that reading may take.
_MORE_MEMORY = 1.5e9
_GROWING = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}


def load_tensors(path: Path, *, mmap: bool = False) -> Any:
    """What ``torch.save`` wrote, tensors on the CPU; no code of the file is executed.

    Args:
        path: of the file.
        mmap: leave tensors of archives on disk until they are used.

    Raises:
        pickle.UnpicklingError: If it holds more than tensors and plain values, or what no network
            needs.
        Exception: Whatever torch, ``zipfile`` and ``pickletools`` raise for damaged files.
    """
    most = 4 * path.stat().st_size + _MORE_MEMORY
    # What torch warns of is pickle protocols.
    with limited_memory(most), warnings.catch_warnings(action="ignore"):
        is_archive = zipfile.is_zipfile(path)
        if is_archive:
            check_expansion(path)
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith(".pkl"):
                        check_pickle(io.BytesIO(archive.read(name)))
        else:
            with path.open("rb") as file:
                for _ in range(_NUM_PICKLES):
                    check_pickle(file)
        mmap = mmap and is_archive
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)


@dataclass(eq=False, slots=True)
class _Value:
    """A value on the stack of a pickle.

    Attributes:
        size: how many values it consists of.
        is_name: whether it is a function or a class.
        is_used: whether it is used a second time.
    """

    size: int = 1
    is_name: bool = False
    is_used: bool = False


def check_pickle(file: IO[bytes]) -> None:
    """Go through a pickle without making its values, in time that grows with its length.

    Args:
        file: at the pickle's beginning; afterwards behind its end.

    Raises:
        pickle.UnpicklingError: If values would be far more than operations, or a name or number is
            longer than those of networks are.
        Exception: Whatever ``pickletools`` raises where it is damaged.
    """
    stack: list[_Value] = []
    marks: list[int] = []
    kept: dict[Any, _Value] = {}
    num_operations = num_used = 0
    for operation, argument, _ in pickletools.genops(file):
        num_operations += 1
        name, needs = operation.name, operation.stack_before
        if pickletools.markobject in needs:
            first = marks.pop() - needs.index(pickletools.markobject)
        else:
            first = len(stack) - len(needs)
        if first < 0:
            raise pickle.UnpicklingError("it takes values that are not there")
        taken = stack[first:]
        del stack[first:]
        size = sum(value.size for value in taken)
        if name in ("REDUCE", "NEWOBJ") and not taken[0].is_name:
            raise pickle.UnpicklingError("it calls what is no function")
        if name == "MARK":
            marks.append(len(stack))
        elif "PUT" in name:
            kept[argument] = stack[-1]
        elif "GET" in name:
            stack.append(kept[argument])
            stack[-1].is_used = True
            num_used += stack[-1].size
        elif name in _GROWING:
            if taken[0].is_used:
                raise pickle.UnpicklingError("it changes a value that is used already")
            taken[0].size = size
            stack.append(taken[0])
        else:
            is_name = name == "GLOBAL"
            if is_name and len(str(argument)) > _LONGEST_NAME:
                raise pickle.UnpicklingError("it names a function too long for one")
            if isinstance(argument, int) and abs(argument) > _LARGEST:
                raise pickle.UnpicklingError("it holds a number too large for one")
            stack += [_Value(size + 1, is_name) for _ in operation.stack_after]
        if num_used > _VALUES_PER_OPERATION * num_operations + _MORE_VALUES:
            raise pickle.UnpicklingError("its values hold each other too many times")
