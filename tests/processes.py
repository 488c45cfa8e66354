"""Two processes as torchrun starts them, on this machine, over gloo."""

import os
import subprocess
import sys


def torchrun(
    *arguments: object, num_processes: int = 2, module: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m <arguments>``, or a script, in several processes that know each other."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", str(num_processes), *(["-m"] if module else [])]
    # The tests' own machine may be a node of some cluster.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    }
    environment["OMP_NUM_THREADS"] = "1"
    return subprocess.run(
        [*command, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
