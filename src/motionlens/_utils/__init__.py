"""What every room may need: errors, files, optional packages, the version, processes."""
