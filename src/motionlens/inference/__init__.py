"""From a video to its logits, one way: the model card, the runner, the recognizer and its uses."""
