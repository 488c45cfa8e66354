"""From a recognizer to one file that runs without this package: ONNX, torch.export, AOTInductor."""
