"""The data sets by name: title and options of each, as `intarsia data list` prints them without importing one of them.

What opens them stands in `catalogue`; a test holds the two together.
"""

from typing import NamedTuple


class Listed(NamedTuple):
    """The facts about a data set that lists show."""

    title: str
    options: tuple[str, ...] = ()  # its own keyword arguments


LISTED: dict[str, Listed] = {
    "folder": Listed(
        "your own images and masks",
        ("images", "masks", "image_suffix", "mask_suffix", "list", "holdout", "channels", "alpha", "objects", "depth"),
    ),
    "shards": Listed("your own samples in tar files, here or on a server", ()),
    "export": Listed(
        "what an annotation tool exported, as it is",
        ("tool", "file", "classes", "uncovered", "planes", "overlaps", "holdout", "roles"),
    ),
    "class_folders": Listed("pictures in a folder for each class", ("holdout", "channels")),
    "panoptic": Listed("your own panoptic masks: PNG and JSON in COCO's format", ("file", "holdout")),
    "shapes": Listed(
        "scenes drawn on the fly", ("size", "count", "objects", "overlaps", "planes", "frames", "cameras", "previous")
    ),
    "camvid": Listed("CamVid: frames from a car in Cambridge, 11 or 32 classes", ("classes",)),
    "voc": Listed("PASCAL VOC 2012, 20 classes and background; or anything in its layout", ("masks", "objects")),
    "drive": Listed("DRIVE: vessels of the retina", ("observer",)),
    "isbi2012": Listed("ISBI 2012: membranes of neurons in electron microscopy", ("holdout",)),
    "penn_fudan": Listed("Penn-Fudan: pedestrians, each with a number", ("holdout",)),
    "nuclei": Listed("nuclei of the 2018 Data Science Bowl", ("part", "table", "holdout")),
    "chest_xray": Listed("chest X-rays: JSRT with SCR's organs, Montgomery, Shenzhen", ("source", "planes", "holdout")),
    "nyu_depth": Listed("NYU Depth v2: indoor scenes with depth, 40 classes", ("fused",)),
    "mfnet": Listed("MFNet: streets in color and thermal, 9 classes", ()),
    "davis": Listed("DAVIS 2016 and 2017: moving objects in video", ("year", "resolution", "previous")),
    "loveda": Listed("LoveDA: land cover in city and country, 7 classes", ("scene",)),
    "isprs": Listed("ISPRS Potsdam and Vaihingen: towns from the air, 6 classes", ("town", "images", "masks")),
    "densepass": Listed("DensePASS: panoramas with Cityscapes' classes", ()),
    "s3dis": Listed("S3DIS: rooms as colored points, 13 classes", ()),
    "cityscapes": Listed(
        "Cityscapes: streets of 50 cities, 19 classes", ("annotations", "classes", "objects", "panoptic")
    ),
    "kitti": Listed("KITTI: 200 street scenes of Karlsruhe, Cityscapes' classes", ("classes", "objects", "holdout")),
    "kitti_step": Listed(
        "KITTI-STEP: 21 drives of KITTI, every frame labeled, people and cars numbered", ("previous",)
    ),
    "bdd100k": Listed("BDD100K: drives through American cities, day and night, Cityscapes' classes", ()),
    "ade20k": Listed("ADE20K: scenes of all kinds, 150 classes or all 3,688", ("classes", "objects", "names")),
    "coco": Listed(
        "COCO: 80 kinds of things with objects, or 133 classes of panoptic masks", ("masks", "uncovered", "overlaps")
    ),
    "coco_stuff": Listed("COCO-Stuff: every pixel of COCO, 80 things and 91 kinds of stuff", ("classes",)),
    "mapillary": Listed(
        "Mapillary Vistas: streets of all continents, 66 or 124 labels", ("version", "evaluated", "objects")
    ),
    "pascal_context": Listed(
        "PASCAL-Context: PASCAL VOC 2010 labeled to the last pixel, 59, 33 or 459 classes", ("classes", "background")
    ),
    "pets": Listed("Oxford-IIIT Pet: cats and dogs of 37 breeds, with trimaps", ("classes", "border", "holdout")),
    "carvana": Listed("Carvana: cars in a studio, cut out by hand", ("images", "holdout")),
    "tgs_salt": Listed("TGS Salt: seismic images with bodies of salt", ("holdout",)),
    "waymo": Listed(
        "Waymo Open: drives seen by five cameras, 28 classes with objects; needs the extra waymo",
        ("cameras", "previous"),
    ),
    "refuge": Listed("REFUGE: optic disc and cup in photographs of the retina", ()),
    "covid_cxr": Listed("COVID-19 chest X-rays: 14 classes that overlap", ("only", "planes", "holdout")),
}
