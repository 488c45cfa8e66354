"""``python -m cpnet``, which torchrun and srun start, is the command ``cpnet``."""

from __future__ import annotations

from cpnet.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
