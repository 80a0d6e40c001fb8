"""segmentation-models-pytorch's decoders: the names of their tensors, and ours."""

from .names import Row, conv_norm


def pyramid(peer: str, ours: str, separable: bool) -> list[Row]:
    """The rows of an atrous pyramid at `peer`."""
    rows = conv_norm(f"{peer}.convs.0", f"{ours}.look.0")
    for n in (1, 2, 3):
        if separable:
            rows += [
                (f"{peer}.convs.{n}.0.0.*", f"{ours}.look.{n}.depthwise.*"),
                (f"{peer}.convs.{n}.0.1.*", f"{ours}.look.{n}.pointwise.conv.*"),
                (f"{peer}.convs.{n}.1.*", f"{ours}.look.{n}.pointwise.norm.*"),
            ]
        else:
            rows += conv_norm(f"{peer}.convs.{n}", f"{ours}.look.{n}")
    return [*rows, *conv_norm(f"{peer}.convs.4", f"{ours}.glance", 1), *conv_norm(f"{peer}.project", f"{ours}.fuse.0")]


def separable(peer: str, ours: str, first: int = 0) -> list[Row]:
    """The rows of a separable convolution and its norm."""
    return [
        (f"{peer}.{first}.0.*", f"{ours}.depthwise.*"),
        (f"{peer}.{first}.1.*", f"{ours}.pointwise.conv.*"),
        (f"{peer}.{first + 1}.*", f"{ours}.pointwise.norm.*"),
    ]


def weighed(peer: str, ours: str) -> list[Row]:
    """The rows of weights for channels and places ("scse") before and behind two convolutions."""
    return [
        (f"{peer}.attention{n}.attention.{theirs}.*", f"{ours}.{where}.{part}.*")
        for n, where in ((1, "before"), (2, "behind"))
        for theirs, part in (("cSE.1", "shrink"), ("cSE.3", "widen"), ("sSE.0", "place"))
    ]


def twice(peer: str, ours: str, inner: str = "") -> list[Row]:
    """The rows of two convolutions."""
    return [row for n in (0, 1) for row in conv_norm(f"{peer}.conv{n + 1}", f"{ours}.{inner}{n}")]


CENTER = [*conv_norm("decoder.center.0", "bridge.0"), *conv_norm("decoder.center.1", "bridge.1")]


def unet(depth: int, attention: bool) -> list[Row]:
    """The rows of a U-Net's decoder."""
    inner = "layers." if attention else ""
    return [
        *twice("decoder.blocks.{n}", "decode.{n}.conv", inner), *weighed("decoder.blocks.{n}", "decode.{n}.conv"), *CENTER
    ]  # fmt: skip


def unetplusplus(depth: int, attention: bool) -> list[Row]:
    """The rows of a U-Net++: node x_i_j ends a row of j - i steps; our columns are counted from the encoder on."""
    inner = "layers.layers." if attention else "layers."
    rows: list[Row] = []
    for j in range(depth):
        for i in range(j + 1 if j < depth - 1 else 1):
            ours = f"nodes.{j - i}.{depth - 2 - j}.convolve" if j < depth - 1 else "finish.convolve"
            rows += [*twice(f"decoder.blocks.x_{i}_{j}", ours, inner), *weighed(f"decoder.blocks.x_{i}_{j}", ours)]
    return rows


def linknet(depth: int, attention: bool) -> list[Row]:
    """The rows of a LinkNet's decoder."""
    return [
        row
        for n in range(depth)
        for part, step in enumerate(("shrink", "enlarge", "widen"))
        for row in conv_norm(
            f"decoder.blocks.{n}.block.{part}", f"decode.{n}.{step}" if n < depth - 1 else f"refine.{step}"
        )
    ]


def manet(depth: int, attention: bool) -> list[Row]:
    """The rows of an MA-Net's decoder."""
    return [
        *((f"decoder.center.{theirs}.*", f"attend.{ours}.*") for theirs, ours in (
            ("center_conv", "query"), ("top_conv", "key"), ("bottom_conv", "value"), ("out_conv", "fuse"))),
        *twice(f"decoder.blocks.{depth - 1}", "finish"),
        *twice("decoder.blocks.{n}", "decode.{n}.conv"),
        *conv_norm("decoder.blocks.{n}.hl_conv.0", "decode.{n}.squeeze.0"),
        *conv_norm("decoder.blocks.{n}.hl_conv.1", "decode.{n}.squeeze.1"),
        *((f"decoder.blocks.{{n}}.SE_{theirs}.{part}.*", f"decode.{{n}}.{ours}.{layer}.*")
          for theirs, ours in (("ll", "weigh_skip"), ("hl", "weigh")) for part, layer in ((1, "shrink"), (3, "widen"))),
    ]  # fmt: skip


def pan(depth: int, attention: bool) -> list[Row]:
    """The rows of a PAN's decoder."""
    pairs = [
        ("fpa.branch1.1", "attend.glance"), ("fpa.mid.0", "attend.project"), ("fpa.down1.1", "attend.look7"),
        ("fpa.down2.1", "attend.look5"), ("fpa.down3.1", "attend.look3.0"), ("fpa.down3.2", "attend.look3.1"),
        ("fpa.conv1", "attend.again7"), ("fpa.conv2", "attend.again5"),
        *((f"gau{n}.{theirs}", f"climb.{depth - 2 - n}.{ours}")
          for n in (1, 2, 3) for theirs, ours in (("conv1.1", "choose"), ("conv2", "reduce"))),
    ]  # fmt: skip
    return [
        row for a, b in pairs for row in ((f"decoder.{a}.conv.*", f"{b}.conv.*"), (f"decoder.{a}.bn.*", f"{b}.norm.*"))
    ]


FPN = [
    ("decoder.p5.*", "lateral.3.*"),
    *((f"decoder.p{n}.skip_conv.*", f"lateral.{n - 2}.*") for n in (4, 3, 2)),
    *(
        row
        for n in range(4)  # theirs begin with the coarsest
        for row in conv_norm(f"decoder.seg_blocks.{n}.block.{{s}}.block", f"branches.{3 - n}.convolve.{{s}}")
    ),
]
PSPNET = [*conv_norm("decoder.psp.blocks.{n}.pool.1", "pool.squeeze.{n}"), *conv_norm("decoder.conv", "fuse")]
UPERNET = [
    ("decoder.feature_norms.{n}.*", "norm.{n}.layer.*"),
    *conv_norm("decoder.psp.blocks.{n}.1", "scene.0.squeeze.{n}"),
    *conv_norm("decoder.psp.out_conv", "scene.1"),
    *(
        row
        for n in range(3)  # theirs begin with the coarsest
        for row in (
            *conv_norm(f"decoder.fpn_lateral_blocks.{n}.conv_norm_relu", f"lateral.{2 - n}"),
            *conv_norm(f"decoder.fpn_conv_blocks.{n}", f"smooth.{2 - n}"),
        )
    ),
    *conv_norm("decoder.fusion_block", "fuse"),
]
DEEPLABV3 = [
    *pyramid("decoder.aspp", "pyramid", separable=False),
    ("decoder.conv.*", "classify.0.conv.*"),
    ("decoder.bn.*", "classify.0.norm.*"),
    *pyramid("decoder.0", "pyramid", separable=False),  # as versions before 0.4 called them
    ("decoder.1.*", "classify.0.conv.*"),
    ("decoder.2.*", "classify.0.norm.*"),
]
DEEPLABV3PLUS = [
    *pyramid("decoder.aspp.0", "pyramid.0", separable=True),
    *separable("decoder.aspp", "pyramid.1", 1),
    *conv_norm("decoder.block1", "reduce"),
    *separable("decoder.block2", "refine.0"),
]
SEGFORMER = conv_norm("decoder.fuse_stage", "fuse")
