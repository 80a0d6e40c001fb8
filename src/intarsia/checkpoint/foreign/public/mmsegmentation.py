"""mmsegmentation's weights of the networks that its loader knows."""

from ...resizing import Resizing
from ..pipeline import IMAGENET, Pipeline
from .row import Public

AT = "https://download.openmmlab.com/mmsegmentation/v0.5"
READ = "mmsegmentation 1.2.2, configs/*/metafile.yaml; sizes counted from its configs"
STATED = "Apache-2.0"
UNSTATED = "none stated for these weights; the code and most others are Apache-2.0"
DATA = {"ade20k": "ADE20K", "cityscapes": "Cityscapes", "voc": "VOC 2012 with SBD", "coco-stuff": "COCO-Stuff 164k"}
SIDES = {"ade20k": (512, 2048), "cityscapes": (1024, 2048), "voc": (512, 2048), "coco-stuff": (512, 2048)}


def row(
    network: str, labels: str, iou: float, parameters: int, file: str, side: int = 0, stated: bool = True
) -> Public:
    """A row: the file lies in a folder of its name without date and digest; pictures keep their shape and fit into a frame."""
    short, long = SIDES[labels]
    folder = file.rpartition("_")[0].rpartition("_")[0]
    frame = Resizing(shorter=side or short, longest=side * 4 or long, nearest=True, antialias=False)
    return Public(
        "semantic", network, DATA[labels], labels, f"mIoU {iou}, one scale", parameters, STATED if stated else UNSTATED,
        f"{AT}/{folder}/{file.rpartition('/')[2]}.pth", READ, file.rpartition("-")[2],
        pipeline=Pipeline(**IMAGENET, resize=frame),
    )  # fmt: skip


ROWS: dict[str, Public] = {
    "mmseg:deeplabv3_r50-d8_4xb2-80k_cityscapes-512x1024": row("DeepLabV3, ResNet-50", "cityscapes", 79.32, 65_748_339, "deeplabv3/deeplabv3_r50-d8_512x1024_80k_cityscapes_20200606_113404-b92cfdd4"),
    "mmseg:deeplabv3_r101-d8_4xb2-80k_cityscapes-512x1024": row("DeepLabV3, ResNet-101", "cityscapes", 80.2, 84_740_467, "deeplabv3/deeplabv3_r101-d8_512x1024_80k_cityscapes_20200606_113503-9e428899"),
    "mmseg:deeplabv3_r50-d8_4xb4-160k_ade20k-512x512": row("DeepLabV3, ResNet-50", "ade20k", 42.66, 65_815_542, "deeplabv3/deeplabv3_r50-d8_512x512_160k_ade20k_20200615_123227-5d0ee427"),
    "mmseg:deeplabv3_r101-d8_4xb4-160k_ade20k-512x512": row("DeepLabV3, ResNet-101", "ade20k", 45.0, 84_807_670, "deeplabv3/deeplabv3_r101-d8_512x512_160k_ade20k_20200615_105816-b1f72b3b"),
    "mmseg:deeplabv3_r50-d8_4xb4-40k_voc12aug-512x512": row("DeepLabV3, ResNet-50", "voc", 77.68, 65_749_365, "deeplabv3/deeplabv3_r50-d8_512x512_40k_voc12aug_20200613_161546-2ae96e7e"),
    "mmseg:deeplabv3_r101-d8_4xb4-40k_voc12aug-512x512": row("DeepLabV3, ResNet-101", "voc", 77.92, 84_741_493, "deeplabv3/deeplabv3_r101-d8_512x512_40k_voc12aug_20200613_161432-0017d784"),
    "mmseg:deeplabv3_r101-d8_4xb4-320k_coco-stuff164k-512x512": row("DeepLabV3, ResNet-101", "coco-stuff", 42.61, 84_818_443, "deeplabv3/deeplabv3_r101-d8_512x512_4x4_320k_coco-stuff164k_20210709_155402-3cbca14d"),
    "mmseg:deeplabv3plus_r50-d8_4xb2-80k_cityscapes-512x1024": row("DeepLabV3+, ResNet-50", "cityscapes", 80.09, 41_225_187, "deeplabv3plus/deeplabv3plus_r50-d8_512x1024_80k_cityscapes_20200606_114049-f9fb496d"),
    "mmseg:deeplabv3plus_r101-d8_4xb2-80k_cityscapes-512x1024": row("DeepLabV3+, ResNet-101", "cityscapes", 80.97, 60_217_315, "deeplabv3plus/deeplabv3plus_r101-d8_512x1024_80k_cityscapes_20200606_114143-068fcfe9"),
    "mmseg:deeplabv3plus_r50-d8_4xb4-160k_ade20k-512x512": row("DeepLabV3+, ResNet-50", "ade20k", 43.95, 41_292_390, "deeplabv3plus/deeplabv3plus_r50-d8_512x512_160k_ade20k_20200615_124504-6135c7e0"),
    "mmseg:deeplabv3plus_r101-d8_4xb4-160k_ade20k-512x512": row("DeepLabV3+, ResNet-101", "ade20k", 45.47, 60_284_518, "deeplabv3plus/deeplabv3plus_r101-d8_512x512_160k_ade20k_20200615_123232-38ed86bb"),
    "mmseg:deeplabv3plus_r50-d8_4xb4-40k_voc12aug-512x512": row("DeepLabV3+, ResNet-50", "voc", 76.81, 41_226_213, "deeplabv3plus/deeplabv3plus_r50-d8_512x512_40k_voc12aug_20200613_161759-e1b43aa9"),
    "mmseg:deeplabv3plus_r101-d8_4xb4-40k_voc12aug-512x512": row("DeepLabV3+, ResNet-101", "voc", 78.62, 60_218_341, "deeplabv3plus/deeplabv3plus_r101-d8_512x512_40k_voc12aug_20200613_205333-faf03387"),
    "mmseg:fcn_r50-d8_4xb2-80k_cityscapes-512x1024": row("FCN, ResNet-50", "cityscapes", 73.61, 47_133_043, "fcn/fcn_r50-d8_512x1024_80k_cityscapes_20200606_113019-03aa804d"),
    "mmseg:fcn_r101-d8_4xb2-80k_cityscapes-512x1024": row("FCN, ResNet-101", "cityscapes", 75.13, 66_125_171, "fcn/fcn_r101-d8_512x1024_80k_cityscapes_20200606_113038-3fb937eb"),
    "mmseg:fcn_r50-d8_4xb4-160k_ade20k-512x512": row("FCN, ResNet-50", "ade20k", 36.1, 47_200_246, "fcn/fcn_r50-d8_512x512_160k_ade20k_20200615_100713-4edbc3b4"),
    "mmseg:fcn_r101-d8_4xb4-160k_ade20k-512x512": row("FCN, ResNet-101", "ade20k", 39.91, 66_192_374, "fcn/fcn_r101-d8_512x512_160k_ade20k_20200615_105816-fd192bd5"),
    "mmseg:fcn_r50-d8_4xb4-40k_voc12aug-512x512": row("FCN, ResNet-50", "voc", 66.97, 47_134_069, "fcn/fcn_r50-d8_512x512_40k_voc12aug_20200613_161222-5e2dbf40"),
    "mmseg:fcn_r101-d8_4xb4-40k_voc12aug-512x512": row("FCN, ResNet-101", "voc", 69.91, 66_126_197, "fcn/fcn_r101-d8_512x512_40k_voc12aug_20200613_161240-4c8bcefd"),
    "mmseg:fcn_hr18s_4xb2-160k_cityscapes-512x1024": row("HRNet, W18 (small)", "cityscapes", 76.31, 3_939_309, "hrnet/fcn_hr18s_512x1024_160k_cityscapes_20200602_190901-4a0797ea", stated=False),
    "mmseg:fcn_hr18_4xb2-160k_cityscapes-512x1024": row("HRNet, W18", "cityscapes", 78.8, 9_640_849, "hrnet/fcn_hr18_512x1024_160k_cityscapes_20200602_190822-221e4a4f", stated=False),
    "mmseg:fcn_hr48_4xb2-160k_cityscapes-512x1024": row("HRNet, W48", "cityscapes", 80.65, 65_858_659, "hrnet/fcn_hr48_512x1024_160k_cityscapes_20200602_190946-59b7973e", stated=False),
    "mmseg:fcn_hr18s_4xb4-160k_ade20k-512x512": row("HRNet, W18 (small)", "ade20k", 33.07, 3_974_810, "hrnet/fcn_hr18s_512x512_160k_ade20k_20210829_174739-f1e7c2e7", stated=False),
    "mmseg:fcn_hr18_4xb4-160k_ade20k-512x512": row("HRNet, W18", "ade20k", 36.79, 9_676_350, "hrnet/fcn_hr18_512x512_160k_ade20k_20200614_214426-ca961836", stated=False),
    "mmseg:fcn_hr48_4xb4-160k_ade20k-512x512": row("HRNet, W48", "ade20k", 42.02, 65_953_110, "hrnet/fcn_hr48_512x512_160k_ade20k_20200614_214407-a52fc02c", stated=False),
    "mmseg:fcn_hr48_4xb4-40k_voc12aug-512x512": row("HRNet, W48", "voc", 76.24, 65_860_101, "hrnet/fcn_hr48_512x512_40k_voc12aug_20200613_222111-1b0f18bc", stated=False),
    "mmseg:ocrnet_hr18s_4xb2-160k_cityscapes-512x1024": row("OCRNet, HRNet-W18 (small)", "cityscapes", 78.45, 6_378_496, "ocrnet/ocrnet_hr18s_512x1024_160k_cityscapes_20200602_191005-f4a7af28"),
    "mmseg:ocrnet_hr18_4xb2-160k_cityscapes-512x1024": row("OCRNet, HRNet-W18", "cityscapes", 79.47, 12_080_036, "ocrnet/ocrnet_hr18_512x1024_160k_cityscapes_20200602_191001-b9172d0c"),
    "mmseg:ocrnet_hr48_4xb2-160k_cityscapes-512x1024": row("OCRNet, HRNet-W48", "cityscapes", 81.35, 70_371_446, "ocrnet/ocrnet_hr48_512x1024_160k_cityscapes_20200602_191037-dfbf1b0c"),
    "mmseg:ocrnet_hr48_4xb4-160k_ade20k-512x512": row("OCRNet, HRNet-W48", "ade20k", 43.25, 70_533_100, "ocrnet/ocrnet_hr48_512x512_160k_ade20k_20200615_184705-a073726d"),
    "mmseg:ocrnet_hr48_4xb4-40k_voc12aug-512x512": row("OCRNet, HRNet-W48", "voc", 77.14, 70_373_914, "ocrnet/ocrnet_hr48_512x512_40k_voc12aug_20200614_015958-255bc5ce"),
    "mmseg:pspnet_r50-d8_4xb2-80k_cityscapes-512x1024": row("PSPNet, ResNet-50", "cityscapes", 78.55, 46_610_803, "pspnet/pspnet_r50-d8_512x1024_80k_cityscapes_20200606_112131-2376f12b"),
    "mmseg:pspnet_r101-d8_4xb2-80k_cityscapes-512x1024": row("PSPNet, ResNet-101", "cityscapes", 79.76, 65_602_931, "pspnet/pspnet_r101-d8_512x1024_80k_cityscapes_20200606_112211-e1e1100f"),
    "mmseg:pspnet_r50-d8_4xb4-160k_ade20k-512x512": row("PSPNet, ResNet-50", "ade20k", 42.48, 46_678_006, "pspnet/pspnet_r50-d8_512x512_160k_ade20k_20200615_184358-1890b0bd"),
    "mmseg:pspnet_r101-d8_4xb4-160k_ade20k-512x512": row("PSPNet, ResNet-101", "ade20k", 44.39, 65_670_134, "pspnet/pspnet_r101-d8_512x512_160k_ade20k_20200615_100650-967c316f"),
    "mmseg:pspnet_r50-d8_4xb4-40k_voc12aug-512x512": row("PSPNet, ResNet-50", "voc", 77.29, 46_611_829, "pspnet/pspnet_r50-d8_512x512_40k_voc12aug_20200613_161222-ae9c1b8c"),
    "mmseg:pspnet_r101-d8_4xb4-40k_voc12aug-512x512": row("PSPNet, ResNet-101", "voc", 78.52, 65_603_957, "pspnet/pspnet_r101-d8_512x512_40k_voc12aug_20200613_161222-bc933b18"),
    "mmseg:pspnet_r101-d8_4xb4-320k_coco-stuff164k-512x512": row("PSPNet, ResNet-101", "coco-stuff", 41.95, 65_680_907, "pspnet/pspnet_r101-d8_512x512_4x4_320k_coco-stuff164k_20210707_152004-72220c60"),
    "mmseg:fpn_r50_4xb2-80k_cityscapes-512x1024": row("Semantic FPN, ResNet-50", "cityscapes", 74.52, 28_497_907, "sem_fpn/fpn_r50_512x1024_80k_cityscapes_20200717_021437-94018a0d"),
    "mmseg:fpn_r101_4xb2-80k_cityscapes-512x1024": row("Semantic FPN, ResNet-101", "cityscapes", 75.8, 47_490_035, "sem_fpn/fpn_r101_512x1024_80k_cityscapes_20200717_012416-c5800d4c"),
    "mmseg:fpn_r50_4xb4-160k_ade20k-512x512": row("Semantic FPN, ResNet-50", "ade20k", 37.49, 28_514_806, "sem_fpn/fpn_r50_512x512_160k_ade20k_20200718_131734-5b5a6ab9"),
    "mmseg:upernet_r50_4xb2-80k_cityscapes-512x1024": row("UPerNet, ResNet-50", "cityscapes", 78.19, 64_050_547, "upernet/upernet_r50_512x1024_80k_cityscapes_20200607_052207-848beca8"),
    "mmseg:upernet_r101_4xb2-80k_cityscapes-512x1024": row("UPerNet, ResNet-101", "cityscapes", 79.4, 83_042_675, "upernet/upernet_r101_512x1024_80k_cityscapes_20200607_002403-f05f2345"),
    "mmseg:upernet_r50_4xb4-160k_ade20k-512x512": row("UPerNet, ResNet-50", "ade20k", 42.05, 64_117_750, "upernet/upernet_r50_512x512_160k_ade20k_20200615_184328-8534de8d"),
    "mmseg:upernet_r101_4xb4-160k_ade20k-512x512": row("UPerNet, ResNet-101", "ade20k", 43.82, 83_109_878, "upernet/upernet_r101_512x512_160k_ade20k_20200615_161951-91b32684"),
    "mmseg:upernet_r50_4xb4-40k_voc12aug-512x512": row("UPerNet, ResNet-50", "voc", 75.92, 64_051_573, "upernet/upernet_r50_512x512_40k_voc12aug_20200613_162257-ca9bcc6b"),
    "mmseg:upernet_r101_4xb4-40k_voc12aug-512x512": row("UPerNet, ResNet-101", "voc", 77.43, 83_043_701, "upernet/upernet_r101_512x512_40k_voc12aug_20200613_163549-e26476ac"),
    "mmseg:segformer_mit-b0_8xb2-160k_ade20k-512x512": row("SegFormer, MiT-B0", "ade20k", 37.41, 3_753_718, "segformer/segformer_mit-b0_512x512_160k_ade20k_20210726_101530-8ffa8fda"),
    "mmseg:segformer_mit-b1_8xb2-160k_ade20k-512x512": row("SegFormer, MiT-B1", "ade20k", 40.97, 13_716_822, "segformer/segformer_mit-b1_512x512_160k_ade20k_20210726_112106-d70e859d"),
    "mmseg:segformer_mit-b2_8xb2-160k_ade20k-512x512": row("SegFormer, MiT-B2", "ade20k", 45.58, 24_761_686, "segformer/segformer_mit-b2_512x512_160k_ade20k_20210726_112103-cbd414ac"),
    "mmseg:segformer_mit-b3_8xb2-160k_ade20k-512x512": row("SegFormer, MiT-B3", "ade20k", 47.82, 44_637_526, "segformer/segformer_mit-b3_512x512_160k_ade20k_20210726_081410-962b98d2"),
    "mmseg:segformer_mit-b4_8xb2-160k_ade20k-512x512": row("SegFormer, MiT-B4", "ade20k", 48.46, 61_408_086, "segformer/segformer_mit-b4_512x512_160k_ade20k_20210728_183055-7f509d7d"),
    "mmseg:segformer_mit-b5_8xb2-160k_ade20k-512x512": row("SegFormer, MiT-B5", "ade20k", 49.13, 82_008_406, "segformer/segformer_mit-b5_512x512_160k_ade20k_20210726_145235-94cedf59"),
    "mmseg:segformer_mit-b5_8xb2-160k_ade20k-640x640": row("SegFormer, MiT-B5", "ade20k", 49.62, 82_008_406, "segformer/segformer_mit-b5_640x640_160k_ade20k_20210801_121243-41d2845b", side=640),
    "mmseg:bisenetv1_r18-d32_4xb4-160k_cityscapes-1024x1024": row("BiSeNet, ResNet-18", "cityscapes", 74.44, 13_275_539, "bisenetv1/bisenetv1_r18-d32_4x4_1024x1024_160k_cityscapes_20210922_172239-c55e78e2"),
    "mmseg:bisenetv1_r18-d32-in1k-pre_4xb4-160k_cityscapes-1024x1024": row("BiSeNet, ResNet-18", "cityscapes", 74.37, 13_275_539, "bisenetv1/bisenetv1_r18-d32_in1k-pre_4x4_1024x1024_160k_cityscapes_20210905_220251-8ba80eff"),
    "mmseg:bisenetv1_r18-d32-in1k-pre_4xb8-160k_cityscapes-1024x1024": row("BiSeNet, ResNet-18", "cityscapes", 75.16, 13_275_539, "bisenetv1/bisenetv1_r18-d32_in1k-pre_4x8_1024x1024_160k_cityscapes_20210905_220322-bb8db75f"),
    "mmseg:bisenetv1_r50-d32_4xb4-160k_cityscapes-1024x1024": row("BiSeNet, ResNet-50", "cityscapes", 76.92, 56_873_299, "bisenetv1/bisenetv1_r50-d32_4x4_1024x1024_160k_cityscapes_20210923_222639-7b28a2a6"),
    "mmseg:bisenetv1_r50-d32-in1k-pre_4xb4-160k_cityscapes-1024x1024": row("BiSeNet, ResNet-50", "cityscapes", 77.68, 56_873_299, "bisenetv1/bisenetv1_r50-d32_in1k-pre_4x4_1024x1024_160k_cityscapes_20210917_234628-8b304447"),
    "mmseg:bisenetv1_r101-d32-in1k-pre_4xb4-160k_coco-stuff164k-512x512": row("BiSeNet, ResNet-101", "coco-stuff", 37.38, 76_021_227, "bisenetv1/bisenetv1_r101-d32_in1k-pre_lr5e-3_4x4_512x512_160k_coco-stuff164k_20211101_225220-28c8f092"),
    "mmseg:bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024": row("BiSeNet v2", "cityscapes", 73.21, 3_358_883, "bisenetv2/bisenetv2_fcn_4x4_1024x1024_160k_cityscapes_20210902_015551-bcf10f09"),
    "mmseg:bisenetv2_fcn_4xb4-ohem-160k_cityscapes-1024x1024": row("BiSeNet v2", "cityscapes", 73.57, 3_358_883, "bisenetv2/bisenetv2_fcn_ohem_4x4_1024x1024_160k_cityscapes_20210902_112947-5f8103b4"),
    "mmseg:bisenetv2_fcn_4xb8-160k_cityscapes-1024x1024": row("BiSeNet v2", "cityscapes", 75.76, 3_358_883, "bisenetv2/bisenetv2_fcn_4x8_1024x1024_160k_cityscapes_20210903_000032-e1a2eed6"),
    "mmseg:bisenetv2_fcn_4xb4-amp-160k_cityscapes-1024x1024": row("BiSeNet v2", "cityscapes", 73.07, 3_358_883, "bisenetv2/bisenetv2_fcn_fp16_4x4_1024x1024_160k_cityscapes_20210902_045942-b979777b"),
    "mmseg:fast_scnn_8xb4-160k_cityscapes-512x1024": row("Fast-SCNN", "cityscapes", 70.96, 1_399_939, "fast_scnn/fast_scnn_lr0.12_8x4_160k_cityscapes_20210630_164853-0cec9937"),
    "mmseg:encnet_r101-d8_4xb2-80k_cityscapes-512x1024": row("EncNet, ResNet-101", "cityscapes", 78.55, 52_519_398, "encnet/encnet_r101-d8_512x1024_80k_cityscapes_20200622_003555-1de64bec"),
    "mmseg:psanet_r101-d8_4xb2-80k_cityscapes-512x1024": row("PSANet, ResNet-101", "cityscapes", 79.31, 75_766_131, "psanet/psanet_r101-d8_512x1024_80k_cityscapes_20200606_161823-0f73a169"),
    "mmseg:danet_r101-d8_4xb2-80k_cityscapes-512x1024": row("DANet, ResNet-101", "cityscapes", 80.41, 66_474_011, "danet/danet_r101-d8_512x1024_80k_cityscapes_20200607_132918-955e6350"),
    "mmseg:ccnet_r101-d8_4xb2-80k_cityscapes-512x1024": row("CCNet, ResNet-101", "cityscapes", 78.87, 66_453_492, "ccnet/ccnet_r101-d8_512x1024_80k_cityscapes_20200617_203935-ffae8917"),
    "mmseg:emanet_r101-d8_4xb2-80k_cityscapes-512x1024": row("EMANet, ResNet-101", "cityscapes", 79.1, 58_977_395, "emanet/emanet_r101-d8_512x1024_80k_cityscapes_20200901_100301-2d970745"),
    "mmseg:apcnet_r101-d8_4xb2-80k_cityscapes-512x1024": row("APCNet, ResNet-101", "cityscapes", 79.64, 72_984_997, "apcnet/apcnet_r101-d8_512x1024_80k_cityscapes_20201214_115705-b1ff208a"),
}  # fmt: skip
