"""The command `motionlens`: each parses, calls the function of the same name, and prints."""
