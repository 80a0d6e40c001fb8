"""The annotation tools whose exports are read, and those that can be written."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from . import (
    coco,
    cvat,
    cvat_masks,
    datumaro,
    geojson,
    labelbox,
    labelme,
    labelstudio,
    masks,
    scale,
    superannotate,
    supervisely,
    via,
    voc_xml,
    yolo,
)
from .project import Project


class Tool(NamedTuple):
    """One export format."""

    title: str  # as the tool calls it
    recognize: Callable[[Path], bool]  # whether a file or folder looks like this export; reads no more than it must
    read: Callable[[Path], Project]
    write: (
        Callable[[Project, Path], Sequence[str]] | None
    )  # gives what is lost; None: the tool cannot import such files
    says: str  # one sentence: what survives, what does not
    place: Callable[[str], str] = (
        "images/{}".format
    )  # where the image of a picture lies, below the folder that is written
    splits: bool = False  # whether what is written says which picture is of which split


TOOLS: dict[str, Tool] = {
    "masks": Tool(
        title="index masks in class colors, with labels.yaml",
        recognize=masks.recognize,
        read=masks.read,
        write=masks.write,
        splits=True,
        says="holes, pieces, objects and crowds survive; where regions overlap, the one drawn later covers the earlier",
    ),
    "coco": Tool(
        title="COCO instances",
        recognize=coco.recognize,
        read=coco.read,
        write=coco.write,
        splits=True,
        says="everything survives; regions with holes, bitmaps and crowds are written as run lengths",
    ),
    "labelme": Tool(
        title="LabelMe",
        recognize=labelme.recognize,
        read=labelme.read,
        write=labelme.write,
        says="all but colors survives; regions with holes are written as masks, which LabelMe draws from version 5.2 on",
    ),
    "via": Tool(
        title="VGG Image Annotator",
        recognize=via.recognize,
        read=via.read,
        write=via.write,
        says="all but colors survives; holes and pieces are joined by bridges into one outline",
    ),
    "cvat": Tool(
        title="CVAT for images 1.1",
        recognize=cvat.recognize,
        read=cvat.read,
        write=cvat.write,
        splits=True,
        says="everything survives; regions with holes are written as masks, crowds have the attribute is_crowd",
    ),
    "cvat_masks": Tool(
        title="CVAT Segmentation mask 1.1",
        recognize=cvat_masks.recognize,
        read=cvat_masks.read,
        write=cvat_masks.write,
        splits=True,
        place=cvat_masks.place,
        says="classes and objects by color; crowds become objects; where regions overlap, the one drawn later covers the earlier",
    ),
    "datumaro": Tool(
        title="Datumaro",
        recognize=datumaro.recognize,
        read=datumaro.read,
        write=datumaro.write,
        splits=True,
        says="everything survives; regions with holes are written as masks, crowds have the attribute is_crowd",
    ),
    "supervisely": Tool(
        title="Supervisely",
        recognize=supervisely.recognize,
        read=supervisely.read,
        write=supervisely.write,
        splits=True,
        place=supervisely.place,
        says="everything survives, as bitmaps; objects and crowds as tags",
    ),
    "labelbox": Tool(
        title="Labelbox",
        recognize=labelbox.recognize,
        read=labelbox.read,
        write=labelbox.write,
        says="v1 JSON and NDJSON are read, with masks beside them; NDJSON is written, without the list of classes and their colors",
    ),
    "labelstudio": Tool(
        title="Label Studio",
        recognize=labelstudio.recognize,
        read=labelstudio.read,
        write=labelstudio.write,
        says="everything survives; regions with holes are written as brush strokes, classes as a labeling configuration",
    ),
    "superannotate": Tool(
        title="SuperAnnotate",
        recognize=superannotate.recognize,
        read=superannotate.read,
        write=superannotate.write,
        says="everything survives, as polygons with holes",
    ),
    "scale": Tool(
        title="Scale AI",
        recognize=scale.recognize,
        read=scale.read,
        write=None,
        says="polygons, boxes and segmentations of finished tasks",
    ),
    "rectlabel": Tool(
        title="RectLabel and PASCAL VOC XML",
        recognize=voc_xml.recognize,
        read=voc_xml.read,
        write=voc_xml.write,
        splits=True,
        says="all but colors survives; holes and pieces are joined by bridges into one outline; boxes are read as well",
    ),
    "yolo": Tool(
        title="YOLO segmentation text",
        recognize=yolo.recognize,
        read=yolo.read,
        write=yolo.write,
        splits=True,
        says="holes and pieces are joined by bridges into one outline; crowds become objects, and colors are lost",
    ),
    "geojson": Tool(
        title="GeoJSON over GeoTIFF",
        recognize=geojson.recognize,
        read=geojson.read,
        write=geojson.write,
        says="everything survives, in the picture's coordinate reference system, or in pixels without one",
    ),
}
