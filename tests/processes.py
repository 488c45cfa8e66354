"""Processes of their own: started by torchrun, or forked from one that has imported everything.

A fresh Python spends six seconds on importing PyTorch and Lightning, for each process of a test. So
most tests fork; what is about the start and the end of processes takes torchrun.
"""

import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from multiprocessing.connection import wait
from pathlib import Path

import torch

_CONTEXT = multiprocessing.get_context("forkserver")
_LAUNCHERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def torchrun(
    *arguments: object, num_processes: int = 2, module: bool = True, max_restarts: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m <arguments>``, or a script, in several processes that know each other."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", str(num_processes), "--max_restarts", str(max_restarts)]
    command += ["-m"] if module else []
    # The tests' own machine may be a node of some cluster.
    environment = {name: value for name, value in os.environ.items() if name not in _LAUNCHERS}
    environment["OMP_NUM_THREADS"] = "1"
    environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # see docs/clusters.md
    return subprocess.run(
        [*command, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def forked(
    *arguments: object, num_processes: int = 1, module: bool = True
) -> subprocess.CompletedProcess[str]:
    """Do as :func:`torchrun` does, for one process or several, without its time to start.

    When one fails, the others are ended, and its status is that of all.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        processes = []
        for rank in range(num_processes):
            values = (rank, num_processes, rank, "127.0.0.1", port)
            environment = dict(zip(_LAUNCHERS, map(str, values), strict=True))
            environment |= {"LOCAL_WORLD_SIZE": str(num_processes), "TORCHELASTIC_RUN_ID": "tests"}
            words = [str(argument) for argument in arguments]
            process = _CONTEXT.Process(
                target=_run, args=(words, module, environment if num_processes > 1 else {}, folder)
            )
            process.start()
            processes.append(process)
        running, status = list(processes), 0
        while running:
            assert wait([process.sentinel for process in running], timeout=300)
            for process in [process for process in running if not process.is_alive()]:
                running.remove(process)
                if process.exitcode and not status:
                    status = process.exitcode
                    for other in running:
                        other.kill()
        out, err = (Path(folder, name).read_text() for name in ("stdout", "stderr"))
    return subprocess.CompletedProcess(list(arguments), status, out, err)


def _run(words: list[str], module: bool, environment: dict[str, str], folder: str) -> None:
    """Run a module or script in this process; its output goes to files."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        path = Path(folder, name)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    multiprocessing.set_start_method("fork", force=True)  # of its own children, as usual
    for name in _LAUNCHERS:
        os.environ.pop(name, None)
    os.environ.update(environment)
    torch.set_num_threads(1)
    sys.argv = words
    if module:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")
