"""What ``motionlens bench`` measures: cases of real sizes, side by side with alternatives."""
