"""An exported network in a browser: does onnxruntime-web load it, agree with Python, and how fast?

Usage: ``python benchmarks/onnx_in_browser.py FOLDER VIDEO OUT.json FILE.onnx...``, where
``npm install onnxruntime-web`` was run in FOLDER; needs playwright and Debian's chromium.
"""

from __future__ import annotations

import http.server
import json
import os
import statistics
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import sync_playwright

from motionlens._utils.machine import machine
from motionlens.inference.recognizer import Recognizer

RUNS = 15
PAGE = """<!doctype html><meta charset="utf-8">
<script src="/node_modules/onnxruntime-web/dist/ort.wasm.min.js"></script><script>
async function run(file, shape, values, threads, runs) {
  ort.env.wasm.wasmPaths = "/node_modules/onnxruntime-web/dist/";
  ort.env.wasm.numThreads = threads;
  const began = performance.now();
  const session = await ort.InferenceSession.create(file, {executionProviders: ["wasm"]});
  const loaded = performance.now() - began;
  const clips = new ort.Tensor("float32", Float32Array.from(values), shape);
  let found = await session.run({clips});
  const times = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    found = await session.run({clips});
    times.push(performance.now() - start);
  }
  return {version: ort.env.versions.web, loaded, times, logits: Array.from(found.logits.data)};
}
</script>"""
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the page, onnxruntime-web and the networks, with what threads in a page need."""

    files: dict[str, bytes]

    def do_GET(self) -> None:
        """Answer with a file of ours, else with one of the folder."""
        if (content := self.files.get(self.path)) is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path == "/" else "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def end_headers(self) -> None:
        """Isolate the page, without which it gets no threads."""
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main(folder: str, video: str, out: str, *networks: str) -> None:
    torch.set_num_threads(1)
    Handler.files = {"/": PAGE.encode()}
    Handler.files |= {f"/{Path(path).name}": Path(path).read_bytes() for path in networks}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rows: list[dict[str, Any]] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        version = browser.version
        for path in networks:
            recognizer = Recognizer.from_pretrained(path)
            clips = recognizer.load_clip(video)[None]
            wanted, native = recognizer.probabilities(clips), _times(recognizer, clips)
            for threads in (1, 2):
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{server.server_port}/")
                arguments = [Path(path).name, list(clips.shape), clips.flatten().tolist()]
                found = page.evaluate("(all) => run(...all)", [*arguments, threads, RUNS])
                page.close()
                probabilities = recognizer.card.probabilities(torch.tensor([found["logits"]]))
                row = {
                    "network": Path(path).name,
                    "onnxruntime_web": found["version"],
                    "threads": threads,
                    "load_ms": round(found["loaded"]),
                    "median_ms": round(statistics.median(found["times"]), 1),
                    "least_ms": round(min(found["times"]), 1),
                    "python_one_thread_median_ms": round(statistics.median(native), 1),
                    "python_one_thread_least_ms": round(min(native), 1),
                    "largest_difference_of_a_probability": (probabilities - wanted)
                    .abs()
                    .max()
                    .item(),
                }
                rows.append(row)
                print(row, flush=True)
        browser.close()
    about = {
        "command": "python benchmarks/onnx_in_browser.py FOLDER VIDEO OUT.json FILE.onnx...",
        "machine": machine(torch.device("cpu")),
        "browser": f"Chromium {version}, headless",
        "load": os.getloadavg(),
    }
    Path(out).write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


def _times(recognizer: Recognizer, clips: torch.Tensor) -> list[float]:
    times = []
    recognizer.logits(clips)
    for _ in range(RUNS):
        began = time.perf_counter()
        recognizer.logits(clips)
        times.append(1e3 * (time.perf_counter() - began))
    return times


if __name__ == "__main__":
    main(*sys.argv[1:])
