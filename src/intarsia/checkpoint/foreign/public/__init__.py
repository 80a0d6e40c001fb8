"""Public models that are known to load, by name: a literal table, one file a source.

    torchvision:deeplabv3_resnet50    smp:<id on the hub>    hf:<id on the hub>    mmseg:<name of the config>
    file:<name of the authors' file>

A row is listed only when the loader of its network has a test that compares its answer with the peer's.
"""

from . import authors, hugging_face, mmsegmentation, smp, torchvision
from .row import Public

PUBLIC: dict[str, Public] = {
    **torchvision.ROWS,
    **smp.ROWS,
    **hugging_face.ROWS,
    **mmsegmentation.ROWS,
    **authors.ROWS,
}
SOURCES = {  # what stands before the colon of a name: what it is
    "torchvision": "torchvision",
    "smp": "segmentation-models-pytorch's files on the Hugging Face hub",
    "hf": "transformers' files on the Hugging Face hub",
    "mmseg": "mmsegmentation",
    "file": "authors' own files",
}

__all__ = ["PUBLIC", "SOURCES", "Public"]
