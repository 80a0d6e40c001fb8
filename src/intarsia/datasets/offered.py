"""The literal table of downloads: what the makers of data sets offer to everybody, for `intarsia data get`.

A row stands here when the address and the terms were found at the maker's; a checksum, when somebody publishes one.
"""

from .download import Download

OFFERED: dict[str, tuple[Download, ...]] = {
    "voc": (
        Download(
            "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
            "md5:6cd6e144f989b92b3379bac3b3de84fd",
        ),
    ),
    "pets": (
        Download(
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz", "md5:5c4f3ee8e5d25df40f4fd59a7f44e54c"
        ),
        Download(
            "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz", "md5:95a8c909bbe2e81eed6a22bccdf3f68f"
        ),
    ),
    "penn_fudan": (Download("https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip"),),
    "nuclei": (Download("https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip", into="stage1_train"),),
    "davis": (Download("https://data.vision.ee.ethz.ch/csergi/share/davis/DAVIS-2017-trainval-480p.zip"),),
    "loveda": (
        Download(
            "https://zenodo.org/records/5706578/files/Train.zip?download=1", "md5:de2b196043ed9b4af1690b3f9a7d558f"
        ),
        Download("https://zenodo.org/records/5706578/files/Val.zip?download=1", "md5:84cae2577468ff0b5386758bb386d31d"),
    ),
}
