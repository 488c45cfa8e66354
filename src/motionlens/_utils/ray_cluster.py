"""A Ray cluster: finding it, starting one here, and making sure that it has this package."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from motionlens._utils.errors import one_line
from motionlens._utils.optional import install_hint, require
from motionlens._utils.version import __version__

# To reach a cluster, and for each of its nodes to answer.
_REACH_S, _ANSWER_S = 5.0, 60.0
# Of a cluster that is started here; results are small, and larger ones are written to disk.
_OBJECT_STORE_BYTES = 200 * 2**20


def import_ray() -> Any:
    """Ray, told to report nothing to its makers.

    Raises:
        ImportError: If it is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # The behaviour of later versions, which says nothing of it.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Notes of its core, which go to standard error whatever is asked for.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray = require("ray", "ray")
    require("ray.data", "ray")
    return ray


@contextmanager
def connected(address: str, num_cpus: int | None) -> Iterator[Any]:
    """Ray, connected to a cluster, unless this process is connected already.

    Raises:
        ValueError: If there is no such cluster.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    options: dict[str, Any] = {"address": address}
    if address == "local":
        options |= {
            "num_cpus": num_cpus,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    elif address != "auto":
        check_reachable(address)
    try:
        with _without_stderr():
            ray.init(**options, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        advice = "start one with 'ray start --head', or take --address local"
        if address not in ("auto", "local"):
            advice = "if it wants a token, set RAY_AUTH_MODE=token"
        raise ValueError(
            f"address {address}: no Ray cluster: {one_line(error)}; {advice}"
        ) from None
    try:
        with _without_notes():
            yield ray
    finally:
        with _without_stderr():
            ray.shutdown()


@contextmanager
def _without_notes() -> Iterator[None]:
    """Keep what Ray has to say of lost nodes off standard output; we say it in one line."""
    worker = import_module("ray._private.worker")
    print_notes = getattr(worker, "print_to_stdstream", None)
    worker.print_to_stdstream = lambda *_, **__: None  # type: ignore[attr-defined]
    try:
        yield
    finally:
        worker.print_to_stdstream = print_notes  # type: ignore[attr-defined]


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Drop what libraries write to the file of standard error, past Python, within the block."""
    with open(os.devnull, "wb") as nowhere:
        kept = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def check_reachable(address: str) -> None:
    """Find out in seconds, where Ray takes minutes, that nobody listens.

    Raises:
        ValueError: If nobody does, or it is no address.
    """
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise ValueError(f"address must be auto, local or HOST:PORT of the head, got {address}")
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_S).close()
    except (OSError, OverflowError) as error:
        raise ValueError(
            f"address {address} cannot be reached: {getattr(error, 'strerror', None) or error}; "
            "give HOST:PORT that 'ray start --head' printed"
        ) from None


def check_nodes(ray: Any) -> None:
    """Make sure that every node has this package, in this version.

    Raises:
        ValueError: If one has not, or none answers.
    """

    # Travels by value: a function of a module would need the module there.
    def find() -> str:
        try:
            from importlib import import_module

            return str(import_module("motionlens._utils.version").__version__)
        except ImportError as error:
            return f"none ({error})"

    place = require("ray.util.scheduling_strategies", "ray").NodeAffinitySchedulingStrategy
    probe = ray.remote(num_cpus=0, max_retries=0)(find)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    asked = {
        probe.options(scheduling_strategy=place(node["NodeID"], soft=False)).remote(): node
        for node in nodes
    }
    ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_S)
    if not ready:
        raise ValueError(f"address: no node of the Ray cluster answers in {_ANSWER_S:.0f} s")
    for answer in ready:
        try:
            version = ray.get(answer)
        except ray.exceptions.RayError:  # the node is lost; others do its work
            continue
        if version != __version__:
            raise ValueError(
                f"node {asked[answer]['NodeManagerAddress']} of the Ray cluster must have "
                f"motionlens {__version__}, it has {version}; install it there with "
                f"{install_hint('ray')}"
            )
