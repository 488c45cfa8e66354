"""Explanations as pictures: arrows between frames, heat maps, animations."""
