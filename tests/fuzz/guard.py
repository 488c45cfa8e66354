"""One input in a worker process: made, used under watch, and what came of it.

Beside right answers it is watched that no other file is read (Python's own and, by inotify, a
canary's by whatever code), no program is started and no connection made, nothing stays, and memory
and time keep within their limits.
"""

import ctypes
import gc
import os
import resource
import shutil
import socket
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch

from fuzz.target import Target
from motionlens._utils.errors import one_line, printable

MAX_CPU_S, MAX_BYTES = 10.0, int(1.5e9)
_MAX_MESSAGE = 2000
_PAGE = resource.getpagesize()
_IN_OPEN, _IN_NONBLOCK = 0x20, 0o4000
_STARTS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork",
           "os.forkpty", "pty.spawn", "os.startfile")  # fmt: skip
_CONNECTS = ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind")
# Between two measurements of memory, inputs.
_BETWEEN = 50


@dataclass(frozen=True)
class Outcome:
    """What came of an input.

    Attributes:
        kind: ``answer``, ``refusal``, or a fault: ``traceback``, ``memory``, ``message``,
            ``wrong``, ``left``, ``opened``, ``slow``.
        detail: the message, or what is wrong.
        seconds: of a processor.
        memory: bytes in use once it was done; 0 if it was not measured.
        peak: bytes in use at most so far, above those at the start.
    """

    kind: str
    detail: str
    seconds: float
    memory: int
    peak: int


class Worker:
    """Takes inputs by their number; pickled into each worker process.

    Args:
        name: of the target.
        target: the target.
        seeds: folder of good inputs.
        scratch: folder in which inputs are written.
    """

    def __init__(self, name: str, target: Target, seeds: Path, scratch: Path) -> None:
        self._name, self._target, self._seeds, self._scratch = name, target, seeds, scratch
        self._guard: _Guard | None = None

    def make(self, number: int, folder: Path, guard: "_Guard | None" = None) -> Random:
        """Write the input of a number; what else depends on chance goes on with the result."""
        rng = Random(f"{self._name} {number}")
        self._target.make(rng, self._seeds, folder)
        if guard is not None:
            guard.put_in(folder)
        return rng

    def __call__(self, number: int) -> Outcome:
        """Make the input of a number and use it."""
        if self._guard is None:
            self._guard = self._started()
        guard = self._guard
        shutil.rmtree(guard.inputs, ignore_errors=True)
        guard.inputs.mkdir()
        rng = self.make(number, guard.inputs, guard)
        guard.begin()
        kind, detail = self._use(rng, guard.inputs)
        seconds, faults = guard.end()
        if not kind.startswith(("answer", "refusal")):
            pass
        elif faults:
            kind, detail = faults
        elif seconds > MAX_CPU_S:
            kind, detail = "slow", f"{seconds:.1f} s"
        memory = guard.memory() if number % _BETWEEN == 0 else 0
        return Outcome(kind, detail, seconds, memory, guard.peak())

    def _started(self) -> "_Guard":
        guard = _Guard(self._scratch, () if self._target.is_client else _CONNECTS)
        # What is imported, compiled and kept at first use is no fault of an input.
        for number in range(-5, 0):
            folder = guard.inputs / str(number)
            folder.mkdir()
            self._use(self.make(number, folder, guard), folder)
        guard.limit()
        return guard

    def _use(self, rng: Random, folder: Path) -> tuple[str, str]:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            kind, detail = self._result(rng, folder)
        return kind, detail or (str(seen[0].message)[:200] if seen else "")

    def _result(self, rng: Random, folder: Path) -> tuple[str, str]:
        try:
            self._target.use(rng, folder)
        except AssertionError:
            return "wrong", traceback.format_exc()[-1500:]
        except self._target.refusals as error:
            text = one_line(error)
            is_line = "\n" not in text and text == printable(text) and len(text) < _MAX_MESSAGE
            names_it = printable(str(folder)) in text or text.startswith(self._target.about)
            if not is_line or not names_it:
                return "message", f"{text[:300]!r} {traceback.format_exc()[-900:]}"
            return "refusal", text[:300]
        except MemoryError:
            return "memory", traceback.format_exc()[-1500:]
        except Exception as error:
            is_memory = "alloc" in str(error) and "memory" in str(error)
            return "memory" if is_memory else "traceback", traceback.format_exc()[-1500:]
        return "answer", ""


class _Guard:
    """The surroundings of the inputs of one process."""

    def __init__(self, scratch: Path, refused: tuple[str, ...]) -> None:
        self._home = Path(tempfile.mkdtemp(dir=scratch))
        self.inputs, self._temporary = self._home / "in", self._home / "temporary"
        for folder in (self.inputs, self._temporary):
            folder.mkdir()
        tempfile.tempdir = str(self._temporary)
        os.environ["TMPDIR"] = str(self._temporary)
        self._canary = self._home / "canary.mp4"
        self._canary.write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2mp41")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._watch = _inotify(self._canary)
        self._libc = ctypes.CDLL(None)
        # What libraries print by themselves has no escapes, and is no line of ours.
        self._printed = os.open(self._home / "printed", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._is_on, self._refused = False, refused
        self._seen: list[str] = []
        roots = (self._home, Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2])
        self._allowed = ("/proc/", "/sys/", "/usr/share/zoneinfo", *map(str, roots))
        sys.addaudithook(self._hear)

    def put_in(self, folder: Path) -> None:
        """Put the names of the canary and of the listener into inputs that have room for them."""
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                port = str(self._listener.getsockname()[1]).encode()
                found = data.replace(b"@CANARY@", os.fsencode(self._canary))
                found = found.replace(b"@PORT@", port)
                if found != data:
                    path.write_bytes(found)

    def limit(self) -> None:
        """From now on the process may take so much more memory, and prints into a file."""
        for output in (sys.stdout, sys.stderr):
            output.flush()
            os.dup2(self._printed, output.fileno())
        for path in self._temporary.iterdir():
            path.unlink()
        gc.collect()
        self._start = self.memory()
        size = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
        resource.setrlimit(resource.RLIMIT_AS, (size + MAX_BYTES, size + MAX_BYTES))

    def begin(self) -> None:
        """An input begins."""
        os.ftruncate(self._printed, 0)
        self._open = len(os.listdir("/proc/self/fd"))
        self._seen.clear()
        self._is_on, self._began = True, time.process_time()

    def end(self) -> tuple[float, tuple[str, str] | None]:
        """Seconds of a processor that it took, and what is not as it should be."""
        seconds = time.process_time() - self._began
        self._is_on = False
        if self._seen:
            return seconds, ("opened", "; ".join(self._seen[:3]))
        if self._was_read():
            return seconds, ("opened", "the canary")
        if self._was_called():
            return seconds, ("opened", "a connection")
        if os.fstat(self._printed).st_size:
            return seconds, ("message", f"printed {os.pread(self._printed, 200, 0)!r}")
        if self._is_file_left():
            return seconds, ("left", "an open file")
        left = [*self._temporary.iterdir(), *(p for p in self._home.iterdir() if p.name[0] == ".")]
        for path in left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if left:
            return seconds, ("left", str(left[0]))
        if children := children_of("self"):
            return seconds, ("left", f"processes {children}")
        return seconds, None

    def _is_file_left(self) -> bool:
        for collect in (lambda: 0, gc.collect):  # some libraries' objects wait for the collector
            collect()
            if len(os.listdir("/proc/self/fd")) <= self._open:
                return False
        return True

    def memory(self) -> int:
        """Bytes in use, without those that the allocator only keeps."""
        gc.collect()
        self._libc.malloc_trim(0)
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE

    def peak(self) -> int:
        """Bytes in use at most so far, above those at the start."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - self._start

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_on:
            return
        if event == "open":
            path = arguments[0]
            if isinstance(path, str | bytes):
                text = os.path.abspath(os.fsdecode(path))
                if not text.startswith(self._allowed) and not text.startswith("/dev/null"):
                    self._seen.append(text)
        elif event.startswith(_STARTS) or event in self._refused:
            self._seen.append(event)

    def _was_read(self) -> bool:
        try:
            return bool(os.read(self._watch, 65536))
        except BlockingIOError:
            return False

    def _was_called(self) -> bool:
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


def children_of(pid: int | str) -> list[int]:
    """The processes that a process has started and that are there."""
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended
            found += map(int, file.read_text().split())
    return found


def _inotify(path: Path) -> int:
    """A handle from which something can be read once the file was opened."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = int(libc.inotify_init1(_IN_NONBLOCK))
    if handle < 0 or libc.inotify_add_watch(handle, os.fsencode(path), _IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "no inotify here")
    return handle


torch.set_num_threads(1)
