"""The table of the family `classification`: architectures that name the picture as a whole."""

from ...structures import ClassLogits
from ..classification.cam import CAM
from ..classification.classifier import Classifier
from ..classification.vgg_classifier import VGGClassifier
from .entry import Entry

CLASSIFICATION: dict[str, Entry] = {
    "classifier": Entry(
        build=Classifier,
        title="Network In Network",
        year=2014,
        paper="arXiv:1312.4400",
        idea="the mean of the last map over the whole picture, and one linear layer",
        deck_row="A11",
        output=ClassLogits,
        smallest={"encoder": "resnet18"},
        parameters=23_551_061,
        gflops=42.7,
    ),
    "vgg_classifier": Entry(
        build=VGGClassifier,
        title="Very Deep Convolutional Networks for Large-Scale Image Recognition",
        year=2015,
        paper="arXiv:1409.1556",
        idea="thirteen small convolutions, and three fully connected layers that know places",
        deck_row="A11",
        output=ClassLogits,
        smallest={"channels": (4, 8, 8, 16, 16, 32)},
        full={"num_classes": 1000},
        parameters=138_357_544,
        gflops=160.6,
    ),
    "cam": Entry(
        build=CAM,
        title="Learning Deep Features for Discriminative Localization",
        year=2016,
        paper="arXiv:1512.04150",
        idea="a classifier's linear layer at every place shows where it sees each class",
        deck_row="A11",
        smallest={"encoder": "resnet18", "window": 3},
        parameters=23_551_061,
        gflops=42.7,
    ),
}
