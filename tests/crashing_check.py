"""A check of videos that kills its process; in a file that other processes can import."""

import os

from motionlens.datasets.decode_check import Finding, Job


def die_of_odd(job: Job) -> Finding:
    """Ends its process, as a fault in a decoder would, for every path that ends in 1."""
    if job.path.endswith("1"):
        os._exit(11)
    return Finding(len(job.path))
