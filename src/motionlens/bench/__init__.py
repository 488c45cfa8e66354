"""What ``motionlens bench`` runs: cases of real sizes, side by side with what else one could use."""
