"""From frames to clips: which frames, which crops, which flips, and the loaders that batch them."""
