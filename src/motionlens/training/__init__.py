"""From a recipe to a trained recognizer; the only room that knows Lightning."""
