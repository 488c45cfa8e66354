"""The poster's tables and figures, measured again: grids, a runner, tables and pictures."""
