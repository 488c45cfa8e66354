"""``python -m motionlens``, which torchrun and srun start, is the command ``motionlens``."""

from motionlens.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
