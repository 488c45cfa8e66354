"""What a network matched with what, as data; the pictures are in `drawing`."""
