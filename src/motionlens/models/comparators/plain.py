"""C2D and C3D: the plain ResNet, frame by frame or with 3x3x3 kernels.

Averaging over frames as in Wang et al., "Non-local Neural Networks", CVPR 2018; 3D kernels as in
Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", ICCV 2015. Neither
strides or pools in time.
"""

from motionlens.models.family import Family

C2D = Family(
    name="c2d",
    label="C2D",
    summary="frame by frame",
    paper="Wang et al., Non-local Neural Networks, CVPR 2018",
    backbones=("nano", "resnet18", "resnet34", "resnet50", "resnet101"),
    toy={},
)
C3D = Family(
    name="c3d",
    label="C3D",
    summary="3x3x3 convolutions",
    paper="Tran et al., Learning Spatiotemporal Features with 3D Convolutional Networks, ICCV 2015",
    form="c3d",
    toy={},
)
