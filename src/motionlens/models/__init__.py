"""Networks: the CP module, the ResNets that it is plugged into, the registry, and weights."""
