"""The literal table of data sets: what is listed here a recipe may name."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ..data import shards
from . import (
    ade20k,
    bdd100k,
    camvid,
    carvana,
    chest_xray,
    cityscapes,
    class_folders,
    coco,
    coco_stuff,
    covid_cxr,
    davis,
    densepass,
    drive,
    export,
    folder,
    isbi2012,
    isprs,
    kitti,
    kitti_step,
    loveda,
    mapillary,
    mfnet,
    nuclei,
    nyu_depth,
    panoptic,
    pascal_context,
    penn_fudan,
    pets,
    refuge,
    s3dis,
    tgs_salt,
    voc,
    waymo,
)
from . import shapes as drawn
from .listed import LISTED


class Entry(NamedTuple):
    """One data set."""

    open: Callable[..., Any]  # (root, split, *, labels=None, <own options>) -> data set
    splits: Callable[..., tuple[str, ...]]  # (root, <own options>) -> the splits that are there
    title: str
    terms: str = ""  # of use, in one sentence, printed when it is first used; "" where there is nothing to accept
    steps: str = ""  # how to get it by hand, and the folder tree that results; "" where nothing is to get


DATASETS: dict[str, Entry] = {
    "folder": Entry(open=folder.folder, splits=folder.splits, title=LISTED["folder"].title),
    "shards": Entry(open=shards.shards, splits=shards.splits, title=LISTED["shards"].title),
    "export": Entry(open=export.export, splits=export.splits, title=LISTED["export"].title),
    "class_folders": Entry(
        open=class_folders.class_folders, splits=class_folders.splits, title=LISTED["class_folders"].title
    ),
    "panoptic": Entry(open=panoptic.panoptic, splits=panoptic.splits, title=LISTED["panoptic"].title),
    "shapes": Entry(open=drawn.shapes, splits=lambda root: ("train", "val"), title=LISTED["shapes"].title),
    "camvid": Entry(
        open=camvid.camvid,
        splits=camvid.splits,
        title=LISTED["camvid"].title,
        terms="CamVid is for research; its label images are under CC BY-NC.",
        steps="""Get the frames and the label images of the 32 classes from the CamVid page of the University of Cambridge, or the 11-class form from the SegNet tutorial:
    CamVid/train/ trainannot/ val/ valannot/ test/ testannot/            11 classes
    CamVid/701_StillsRaw_full/ LabeledApproved_full/ train.txt val.txt   32 classes""",
    ),
    "voc": Entry(
        open=voc.voc,
        splits=voc.splits,
        title=LISTED["voc"].title,
        terms="PASCAL VOC's images come from Flickr and are for research under Flickr's terms.",
        steps="""Get VOCtrainval_11-May-2012.tar from the PASCAL VOC 2012 page and unpack it:
    VOCdevkit/VOC2012/JPEGImages/ SegmentationClass/ ImageSets/Segmentation/{train,val,trainval}.txt
For train_aug get benchmark.tgz of SBD as well, or SegmentationClassAug:
    benchmark_RELEASE/dataset/cls/ train.txt val.txt""",
    ),
    "drive": Entry(
        open=drive.drive,
        splits=drive.splits,
        title=LISTED["drive"].title,
        terms="DRIVE is for research; register with the Grand Challenge page to download it.",
        steps="""Register with the DRIVE page of Grand Challenge, and unpack both archives beside each other:
    training/images/ 1st_manual/ mask/
    test/images/ mask/ (1st_manual/ 2nd_manual/ in older releases)""",
    ),
    "isbi2012": Entry(
        open=isbi2012.isbi2012,
        splits=isbi2012.splits,
        title=LISTED["isbi2012"].title,
        terms="ISBI 2012's stacks are for research; cite the challenge.",
        steps="""Register with the ISBI 2012 challenge "Segmentation of neuronal structures in EM stacks", and put into one folder:
    train-volume.tif train-labels.tif""",
    ),
    "penn_fudan": Entry(
        open=penn_fudan.penn_fudan,
        splits=penn_fudan.splits,
        title=LISTED["penn_fudan"].title,
        terms="Penn-Fudan is for research.",
        steps="""Get PennFudanPed.zip from the Penn-Fudan page of the University of Pennsylvania and unpack it:
    PennFudanPed/PNGImages/ PedMasks/""",
    ),
    "nuclei": Entry(
        open=nuclei.nuclei,
        splits=nuclei.splits,
        title=LISTED["nuclei"].title,
        terms="The 2018 Data Science Bowl's images are CC0 (BBBC038).",
        steps="""Get stage1_train.zip of BBBC038 from the Broad Institute and unpack it into a folder of its name:
    stage1_train/ID/images/ID.png stage1_train/ID/masks/*.png""",
    ),
    "chest_xray": Entry(
        open=chest_xray.chest_xray,
        splits=chest_xray.splits,
        title=LISTED["chest_xray"].title,
        terms="JSRT and SCR are for research after registration; Montgomery and Shenzhen are public domain, to be cited.",
        steps="""Get JSRT's images from the Japanese Society of Radiological Technology and SCR's masks from its page, or one of the sets of the National Library of Medicine:
    All247images/JPCLN001.IMG fold1/masks/heart/ fold2/masks/heart/ (and four more organs)     source: jsrt
    CXR_png/ ManualMask/leftMask/ ManualMask/rightMask/                                        source: montgomery
    CXR_png/ mask/NAME_mask.png                                                                source: shenzhen""",
    ),
    "nyu_depth": Entry(
        open=nyu_depth.nyu_depth,
        splits=nyu_depth.splits,
        title=LISTED["nyu_depth"].title,
        terms="NYU Depth v2 is for research.",
        steps="""Get nyu_depth_v2_labeled.mat from the NYU Depth v2 page, and write its images out, or use an export of it:
    RGB/0.jpg Label/0.png Depth/0.npy train.txt test.txt""",
    ),
    "mfnet": Entry(
        open=mfnet.mfnet,
        splits=mfnet.splits,
        title=LISTED["mfnet"].title,
        terms="MFNet is for research.",
        steps="""Get the multi-spectral semantic segmentation dataset from the MIL page of the University of Tokyo and unpack it:
    images/ labels/ train.txt val.txt test.txt""",
    ),
    "davis": Entry(
        open=davis.davis,
        splits=davis.splits,
        title=LISTED["davis"].title,
        terms="DAVIS is for research; the licenses of its videos stand in the archive.",
        steps="""Get DAVIS-2017-trainval-480p.zip from the DAVIS page and unpack it:
    DAVIS/JPEGImages/480p/ Annotations/480p/ ImageSets/2017/""",
    ),
    "loveda": Entry(
        open=loveda.loveda,
        splits=loveda.splits,
        title=LISTED["loveda"].title,
        terms="LoveDA is for research, CC BY-NC-SA 4.0.",
        steps="""Get Train.zip and Val.zip from LoveDA's record 5706578 at Zenodo and unpack them:
    Train/Urban/images_png/ masks_png/ Train/Rural/ Val/Urban/ Val/Rural/""",
    ),
    "isprs": Entry(
        open=isprs.isprs,
        splits=isprs.splits,
        title=LISTED["isprs"].title,
        terms="The ISPRS data are for research after registration.",
        steps="""Ask for the 2D semantic labeling data on the ISPRS benchmark page and unpack them:
    2_Ortho_RGB/ 5_Labels_all/ (or 5_Labels_all_noBoundary/)     town: potsdam
    top/ gts_for_participants/                                   town: vaihingen""",
    ),
    "densepass": Entry(
        open=densepass.densepass,
        splits=densepass.splits,
        title=LISTED["densepass"].title,
        terms="DensePASS is for research.",
        steps="""Follow the link on DensePASS's page on GitHub and unpack it:
    leftImg8bit/val/cs/1_.png gtFine/val/cs/1_labelTrainIds.png""",
    ),
    "s3dis": Entry(
        open=s3dis.s3dis,
        splits=s3dis.splits,
        title=LISTED["s3dis"].title,
        terms="S3DIS is for research; ask for it on its page.",
        steps="""Fill in the form on the S3DIS page and unpack Stanford3dDataset_v1.2_Aligned_Version.zip:
    Area_1/office_1/Annotations/chair_1.txt ... Area_6/""",
    ),
    "cityscapes": Entry(
        open=cityscapes.cityscapes,
        splits=cityscapes.splits,
        title=LISTED["cityscapes"].title,
        terms="Cityscapes is for research and other use without profit; its license must be agreed to on its page, and it is not passed on.",
        steps=f"Register at cityscapes-dataset.com, get leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip and unpack both:\n{cityscapes.TREE}",
    ),
    "kitti": Entry(
        open=kitti.kitti,
        splits=kitti.splits,
        title=LISTED["kitti"].title,
        terms="KITTI is under CC BY-NC-SA 3.0: no commercial use, and changes are shared alike.",
        steps=f"Get data_semantics.zip from the semantics page of KITTI's vision benchmark and unpack it:\n{kitti.TREE}",
    ),
    "kitti_step": Entry(
        open=kitti_step.kitti_step,
        splits=kitti_step.splits,
        title=LISTED["kitti_step"].title,
        terms="KITTI is under CC BY-NC-SA 3.0: no commercial use, and changes are shared alike.",
        steps=f"""Get the tracking images of KITTI and kitti-step.tar.gz; move training/image_02/0002, 0006, 0007, 0008, 0010, 0013, 0014, 0016 and 0018 to images/val, the others to images/train, and panoptic_maps as it is:
{kitti_step.TREE}""",
    ),
    "bdd100k": Entry(
        open=bdd100k.bdd100k,
        splits=bdd100k.splits,
        title=LISTED["bdd100k"].title,
        terms="BDD100K is free for education, research and work without profit; commercial use needs a license of Berkeley.",
        steps=f"Register at bdd-data.berkeley.edu, get the 10K images and the labels of semantic segmentation and unpack both:\n{bdd100k.TREE}",
    ),
    "ade20k": Entry(
        open=ade20k.ade20k,
        splits=ade20k.splits,
        title=LISTED["ade20k"].title,
        terms="ADE20K's images are for research and education without profit; its page states the terms.",
        steps=f"Get ADEChallengeData2016.zip from sceneparsing.csail.mit.edu, or register at ade20k.csail.mit.edu for the full release, and unpack it:\n{ade20k.TREE}",
    ),
    "coco": Entry(
        open=coco.coco,
        splits=coco.splits,
        title=LISTED["coco"].title,
        terms="COCO's annotations are under CC BY 4.0; its images come from Flickr and are under Flickr's terms.",
        steps=f"Get train2017.zip, val2017.zip, annotations_trainval2017.zip and, for panoptic masks, panoptic_annotations_trainval2017.zip from cocodataset.org; unpack the zip files within annotations too:\n{coco.TREE}",
    ),
    "coco_stuff": Entry(
        open=coco_stuff.coco_stuff,
        splits=coco_stuff.splits,
        title=LISTED["coco_stuff"].title,
        terms="COCO-Stuff's annotations are under CC BY 4.0; the images come from Flickr and are under Flickr's terms.",
        steps=f"Get train2017.zip and val2017.zip from cocodataset.org and stuffthingmaps_trainval2017.zip from the COCO-Stuff page and unpack them:\n{coco_stuff.TREE}",
    ),
    "mapillary": Entry(
        open=mapillary.mapillary,
        splits=mapillary.splits,
        title=LISTED["mapillary"].title,
        terms="Mapillary Vistas' research edition is for research without commercial use; its license is agreed to on its page.",
        steps=f"Register on the Mapillary Vistas page, get the research edition and unpack it:\n{mapillary.TREE}",
    ),
    "pascal_context": Entry(
        open=pascal_context.pascal_context,
        splits=pascal_context.splits,
        title=LISTED["pascal_context"].title,
        terms="The images of PASCAL VOC come from Flickr and are for research under Flickr's terms.",
        steps=f"Get VOCtrainval_03-May-2010.tar from the PASCAL VOC 2010 page and trainval.tar.gz from the PASCAL-Context page of Stanford and unpack both:\n{pascal_context.TREE}",
    ),
    "pets": Entry(
        open=pets.pets,
        splits=pets.splits,
        title=LISTED["pets"].title,
        terms="Oxford-IIIT Pet is under CC BY-SA 4.0; the images' own owners keep their rights.",
        steps=f"Get images.tar.gz and annotations.tar.gz from the Oxford-IIIT Pet page of the Visual Geometry Group and unpack both:\n{pets.TREE}",
    ),
    "carvana": Entry(
        open=carvana.carvana,
        splits=carvana.splits,
        title=LISTED["carvana"].title,
        terms="Carvana's images are for the Kaggle competition, whose rules are agreed to on its page.",
        steps=f"Get train.zip (or train_hq.zip) and train_masks.zip from the Carvana Image Masking Challenge on Kaggle and unpack both:\n{carvana.TREE}",
    ),
    "tgs_salt": Entry(
        open=tgs_salt.tgs_salt,
        splits=tgs_salt.splits,
        title=LISTED["tgs_salt"].title,
        terms="TGS Salt's images are for the Kaggle competition, whose rules are agreed to on its page.",
        steps=f"Get train.zip from the TGS Salt Identification Challenge on Kaggle and unpack it into a folder train:\n{tgs_salt.TREE}",
    ),
    "waymo": Entry(
        open=waymo.waymo,
        splits=waymo.splits,
        title=LISTED["waymo"].title,
        terms="Waymo Open is for work without commercial use; its license is agreed to on its page.",
        steps=f"Register at waymo.com/open, and copy camera_image and camera_segmentation of version 2 from its bucket:\n{waymo.TREE}",
    ),
    "refuge": Entry(
        open=refuge.refuge,
        splits=refuge.splits,
        title=LISTED["refuge"].title,
        terms="REFUGE is for research; register with the Grand Challenge page to download it.",
        steps="""Register with REFUGE's page at Grand Challenge and unpack its six archives beside each other:
    Training400/ Annotation-Training400/ REFUGE-Validation400/ REFUGE-Validation400-GT/ Test400/ REFUGE-Test-GT/""",
    ),
    "covid_cxr": Entry(
        open=covid_cxr.covid_cxr,
        splits=covid_cxr.splits,
        title=LISTED["covid_cxr"].title,
        terms="The masks are under CC BY 4.0; the license of each image stands in metadata.csv.",
        steps="""Type git clone https://github.com/GeneralBlockchain/covid-19-chest-xray-segmentations-dataset; it holds
    images/ masks/ structure.csv""",
    ),
}

CONSTRUCTORS: dict[str, Callable[..., Any]] = {name: entry.open for name, entry in DATASETS.items()}
