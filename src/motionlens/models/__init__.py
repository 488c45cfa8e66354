"""Networks: the CP module, the ResNet that it is plugged into, names, cards and weights."""
