"""Results as plots: curves, confusion, matrices, rows with intervals, timelines."""
