"""The public data sets: where their files lie, and what mirroring does to their classes."""
