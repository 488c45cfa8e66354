"""Load on `motionlens serve`: many clients at once, answers compared with those of a single one.

    python benchmarks/bench_serving.py RUN CLIP... [--clients 50] [--seconds 60] [--out FILE.json]
        [--hostile 0.05] [--hostile_files FILE...]

Starts a server of its own on 127.0.0.1, asks it for every clip once, one after the other, and then
lets all clients ask for clips at random until the time is over. With `--hostile` it does so again
on another server, and that share of what clients send is hostile: files and requests made here, and
the given files. It ends by itself; status 1 if there was an error or another answer than before.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import torch
from hostile_requests import Hostile

from motionlens._utils.files import write_atomically
from motionlens._utils.machine import machine

# By how much a probability may differ from the single client's: batches round otherwise.
TOLERANCE = 1e-4
# No more than this however it is called, so that it ends.
MOST_SECONDS, MOST_CLIENTS = 600.0, 200


@contextlib.contextmanager
def running_server(run: str, options: list[str]) -> Iterator[str]:
    """The address of a server that ends with the block."""
    command = [sys.executable, "-m", "motionlens", "serve", run, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            found = next(
                (m for line in lines if (m := re.search(r"http://127\.0\.0\.1:\d+", line))), None
            )
            if found is None:
                raise SystemExit("the server did not start")
            yield found.group()
        finally:
            process.send_signal(signal.SIGINT)


async def ask(client: httpx2.AsyncClient, path: Path, content: bytes) -> dict[str, float]:
    """Label to probability, of all labels."""
    answer = await client.post("/predict", files={"file": (path.name, content)}, data={"top": 1000})
    answer.raise_for_status()
    return {entry["label"]: entry["probability"] for entry in answer.json()["predictions"]}


async def measure(
    address: str, clips: dict[Path, bytes], arguments: Any, hostile_share: float
) -> dict[str, Any]:
    """What came of it."""
    seconds: list[float] = []
    errors: Counter[str] = Counter()
    hostile = Hostile(address, next(iter(clips.values())), arguments.hostile_files)
    worst = 0.0
    limits = httpx2.Limits(max_connections=arguments.clients)
    async with httpx2.AsyncClient(base_url=address, timeout=60, limits=limits) as client:
        start = time.perf_counter()
        expected = {path: await ask(client, path, content) for path, content in clips.items()}
        alone_s = (time.perf_counter() - start) / len(clips)
        begin = time.perf_counter()

        async def one_client(seed: int) -> None:
            nonlocal worst
            rng = random.Random(seed)
            while time.perf_counter() - begin < arguments.seconds:
                if rng.random() < hostile_share:
                    await hostile.send(rng)
                    continue
                path = rng.choice(list(clips))
                start = time.perf_counter()
                try:
                    answer = await ask(client, path, clips[path])
                except httpx2.HTTPError as error:
                    errors[f"{type(error).__name__}: {error}"] += 1
                    await asyncio.sleep(0.1)
                    continue
                seconds.append(time.perf_counter() - start)
                known = expected[path]
                difference = max(abs(answer[label] - known[label]) for label in known)
                worst = max(worst, difference)
                if difference > TOLERANCE:
                    errors[f"another answer for {path.name}"] += 1

        await asyncio.gather(*(one_client(seed) for seed in range(arguments.clients)))
        wall = time.perf_counter() - begin
        metrics = (await client.get("/metrics")).text
    batches, network_s = (_mean(metrics, name) for name in ("batch_size", "network_seconds"))
    return {
        "clients": arguments.clients,
        "seconds": round(wall, 2),
        "answers": len(seconds),
        "errors": dict(errors | hostile.faults),
        "clips_per_s": round(len(seconds) / wall, 2),
        "median_s": round(statistics.median(seconds), 4) if seconds else None,
        "p99_s": round(statistics.quantiles(seconds, n=100)[98], 4) if len(seconds) > 1 else None,
        "alone_s": round(alone_s, 4),
        "largest_difference": worst,
        "mean_batch": round(batches, 2),
        "mean_network_s": round(network_s, 4),
        **({"hostile": hostile.summary()} if hostile_share else {}),
    }


def _mean(metrics: str, name: str) -> float:
    found = dict(re.findall(rf"^motionlens_{name}_(sum|count) (\S+)$", metrics, flags=re.MULTILINE))
    return float(found["sum"]) / max(float(found["count"]), 1)


def main() -> int:
    """Measure, and print a line of words and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--hostile", type=float, default=0.0, help="share of hostile requests")
    parser.add_argument("--hostile_files", nargs="*", type=Path, default=[])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if not 0 < arguments.seconds <= MOST_SECONDS or not 0 < arguments.clients <= MOST_CLIENTS:
        parser.error(f"at most {MOST_SECONDS:g} seconds and {MOST_CLIENTS} clients")
    clips = {path: path.read_bytes() for path in arguments.clips}
    results = [run(arguments, clips, share) for share in sorted({0.0, arguments.hostile})]
    result = results[0] if len(results) == 1 else {"without": results[0], "with": results[1]}
    print(json.dumps(result))
    if arguments.out:
        write_atomically(arguments.out, (json.dumps(result, indent=2) + "\n").encode())
    return 1 if any(each["errors"] or not each["answers"] for each in results) else 0


def run(arguments: Any, clips: dict[Path, bytes], hostile_share: float) -> dict[str, Any]:
    """Measure on a server of its own, and print a line."""
    with running_server(arguments.run, ["--device", arguments.device]) as address:
        load = os.getloadavg()[0]
        result = asyncio.run(measure(address, clips, arguments, hostile_share))
    result["load_before"] = round(load, 2)
    result["machine"] = machine(torch.device(arguments.device))
    print(
        f"{result['clients']} clients, {result['seconds']:.0f} s: {result['answers']} answers, "
        f"{sum(result['errors'].values())} errors, {result['clips_per_s']} clips/s, "
        f"median {result['median_s']} s, p99 {result['p99_s']} s, "
        f"batches of {result['mean_batch']}, differences up to {result['largest_difference']:.1e}"
        + (f", hostile: {result['hostile']}" if hostile_share else "")
    )
    return result


if __name__ == "__main__":
    sys.exit(main())
