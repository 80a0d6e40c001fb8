"""Dynamic Routing: each image finds its own way through a lattice of scales, and pays for no more than it takes.

Li, Song, Chen, Li, Zhang, Wang, Sun. "Learning Dynamic Routing for Semantic Segmentation." CVPR 2020. arXiv:2003.10401

A network whose scales are wired once and for all treats an empty road like a crowd. Here every cell of a lattice, layers by
scales, may hand its map on in three ways: finer, as it is, coarser. A gate of the cell weighs the ways for each image, and
weighs them with zero where they are not worth it. A cell whose ways are all closed lets its input pass, and is not computed.
FCN, U-Net, DeepLab and HRNet are four of the lattice's routes.

    image - stem 1/4 - cell - cell - cell - ...  - cell ----------- 1x1 - + - 3x3 - x4 - logits
                          `  cell - cell - ...  - cell --- 1x1 - x2 ------'     each cell: sum of what comes in - 2 separable
                             `  cell - ...  - cell - 1x1 - x2 '                            3x3 + itself - gates - 3 ways out

With `budget`, training keeps the expected cost of the routes near that share of the whole lattice's (section 3.4): Dynamic-A,
B, C are (0.1, 0.8), (0.1, 0.5), (0.2, 0.5) for (budget, weight). `chosen_gflops` counts what each image's routes cost.

Departures from the paper: the first convolution is padded, which it is not in the released code. Costs are those of the
convolutions alone, and the first cell's is among them. Maps are enlarged to the size of their partner and not by a factor,
and the gate looks at a quarter of its map as the released code's SmallGate does, rounded up where that rounds down. Budgets
hold from the first step, where the code waits for 40 % of the steps; scheduled path dropping is left out. Gates start open,
with small weights. A scale whose only source is closed is a map of zeros in evaluation as in training, where the code
leaves it out in evaluation.

Compared with yanwei-li/DynamicRouting (the authors') dynamic_backbone.py and dynamic4seg.py: whole networks of 4 and 16
layers, the first convolution padded there, at sides that 128 divides; difference 0; 1,183,794 : 1,183,794 (docs/faithfulness.md).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...blocks.conv import ConvNormAct, PixelClassifier
from ...blocks.cost import count_flops
from ...blocks.resize import resize_like
from ...errors import ModelError
from ...structures import SemanticLogits

SCALES = 4  # strides 4, 8, 16, 32


class DynamicRouting(nn.Module):
    """A lattice of cells with soft conditional gates.

    Args:
        layers: of cells behind the first one: 16, or 33 in the paper's largest.
        channels: width at a quarter of the image, doubled at each coarser scale.
        budget: share of the whole lattice's cost that the routes of an image should have, 0..1; null: no budget.
        weight: of the budget in the loss.
        gate_bias: where the gates start; above 0 they are open.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        in_channels: int = 3,
        layers: int = 16,
        channels: int = 64,
        budget: float | None = None,
        weight: float = 0.5,
        gate_bias: float = 1.5,
    ) -> None:
        super().__init__()
        if layers < 3:
            raise ModelError(f"layers is {layers}; the lattice reaches its coarsest scale after 3 layers")
        if budget is not None and not 0 <= budget <= 1:
            raise ModelError(f"budget is {budget}; give a share of the lattice's cost, 0..1, or null for none")
        self.budget, self.weight = budget, weight
        first = ConvNormAct(in_channels, channels, stride=2)
        self.stem = nn.Sequential(first, *separable(channels), *separable(channels, stride=2))
        rows = [1, *(min(n + 2, SCALES) for n in range(layers))]
        self.cells = nn.ModuleList(
            nn.ModuleList(
                Cell(channels * 2**s, up=s > 0 and n < layers, down=s < SCALES - 1 and n < layers, bias=gate_bias)
                for s in range(row)
            )
            for n, row in enumerate(rows)
        )
        widths = [channels * 2**s for s in range(SCALES)]
        self.decode = nn.ModuleList(ConvNormAct(w, max(channels, w // 2), 1) for w in widths)
        self.classify = PixelClassifier(channels, num_classes, kernel=3)

    def forward(self, image: Tensor) -> SemanticLogits:
        maps, gates = self.route(image)  # [B, 64, H/4, W/4], ..., [B, 1]
        logits = resize_like(self.decoded(*maps), image)  # [B, K, H, W]
        return SemanticLogits(logits, penalty=self.penalty(gates, image) if self.training else None)

    def decoded(self, *maps: Tensor) -> Tensor:
        """The scores at a quarter of the image, [B, K, h, w], of the maps that leave the lattice, finest first."""
        x: Tensor | float = 0.0
        for fine, layer in zip(reversed(maps), reversed(self.decode), strict=True):
            x = layer(fine if isinstance(x, float) else resize_like(x, fine) + fine)
        return self.classify(x)

    def penalty(self, gates: list[list[Tensor]], image: Tensor) -> Tensor | None:
        """How far the expected cost is from the budget, squared and weighted, for each image, [B]; None without one."""
        if self.budget is None:
            return None
        whole = self.cost([[gate + 1 for gate in row] for row in gates], image)
        return self.weight * (self.cost(gates, image, expected=True) / whole - self.budget) ** 2

    def route(self, image: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """The maps that leave the lattice, finest first, and the gates of each cell of each layer, [B, ways] each."""
        arriving = [self.stem(image)]
        gates: list[list[Tensor]] = []
        lattice: Any = self.cells
        for n, row in enumerate(lattice):
            leaving: list[list[Tensor]] = [[] for _ in range(SCALES)]
            gates.append([])
            for s, (cell, x) in enumerate(zip(row, arriving, strict=True)):
                ways, gate = cell(x, arriving[s - 1], skip=n >= SCALES - 1)
                gates[-1].append(gate)
                for step, way in ways.items():
                    leaving[s + step].append(way)
            arriving = [torch.stack(ways).sum(dim=0) for ways in leaving if ways]
        return arriving, gates

    def cost(self, gates: list[list[Tensor]], image: Tensor, *, expected: bool = False) -> Tensor:
        """Multiply-adds of what is open, [B]; `expected`: each cell by its widest gate and each way by its own (Eq. 6)."""
        h, w = image.shape[-2:]
        pixels = [((h - 1) // 2**s + 1) * ((w - 1) // 2**s + 1) for s in range(2, SCALES + 3)]
        total = torch.zeros_like(gates[0][0][:, 0], dtype=torch.float32)
        lattice: Any = self.cells
        for row, opened in zip(lattice, gates, strict=True):
            for s, (cell, gate) in enumerate(zip(row, opened, strict=True)):
                share = gate.float() if expected else (gate > 0).float()  # counts do not fit into 16 bits
                outside = [count * pixels[s + (step > 0)] for step, count in cell.outside.items()]
                total = (
                    total + cell.inside * pixels[s] * share.amax(dim=1) + (share * share.new_tensor(outside)).sum(dim=1)
                )
        return total

    @torch.no_grad()
    def chosen_gflops(self, image: Tensor) -> Tensor:
        """Count each image's GFLOPs, two a multiply-add, of all convolutions but those of closed cells and ways: [B]."""
        _, gates = self.route(image)
        closed = self.cost([[g + 1 for g in row] for row in gates], image) - self.cost(gates, image)
        whole = count_flops(self, image.shape[2], image.shape[3], image.shape[1])
        return whole / 1e9 - 2e-9 * closed


class Cell(nn.Module):
    """One place of the lattice: two separable convolutions and what came in, handed on in up to three ways.

    `inside` and `outside` are multiply-adds a pixel: of the cell, and of each way, on the smaller of its two maps.
    """

    def __init__(self, channels: int, up: bool, down: bool, bias: float) -> None:
        super().__init__()
        self.channels = channels
        self.transform = nn.Sequential(*separable(channels), *separable(channels, act=False))
        self.up = ConvNormAct(channels, channels // 2, 1) if up else None
        self.down = ConvNormAct(channels, 2 * channels, 1, stride=2) if down else None
        self.outside = {0: 0} | ({-1: channels * channels // 2} if up else {}) | ({1: 2 * channels**2} if down else {})
        self.ways = len(self.outside)
        self.inside = 2 * (9 * channels + channels**2)
        self.look, self.score = ConvNormAct(channels, channels // 2, 1), nn.Conv2d(channels // 2, self.ways, 1)
        nn.init.normal_(self.score.weight, std=0.01)  # a gate that starts closed has no gradient that could open it
        nn.init.constant_(self.score.bias, bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, finer: Tensor, skip: bool) -> tuple[dict[int, Tensor], Tensor]:
        """Way -> what is handed on: -1 finer, 0 as it is, 1 coarser; and the gates, [B, ways].

        Args:
            finer: a map of the size of the next finer scale.
            skip: whether a closed cell may be left out: whoever comes next gets something from elsewhere.
        """
        h, w = x.shape[-2:]
        quarter = ((h + 3) // 4, (w + 3) // 4)
        near = F.interpolate(x, quarter, mode="bilinear", align_corners=False)  # [B, channels, ceil(h/4), ceil(w/4)]
        gates = self.score(self.look(near).mean(dim=(2, 3), keepdim=True)).tanh().relu()  # [B, ways, 1, 1]
        each = gates.flatten(1)  # [B, ways]
        if skip and not self.training and _none(gates):
            return {0: x}, each
        y = (self.transform(x) + x).relu()
        keep, *others = gates.split(1, dim=1)  # [B, 1, 1, 1], ...
        closed = (gates.amax(dim=1, keepdim=True) <= 0).to(x.dtype)  # [B, 1, 1, 1]
        ways = {0: closed * x + keep * y}
        if self.up is not None:
            ways[-1] = others[0] * resize_like(self.up(y), finer)
        if self.down is not None:
            ways[1] = others[-1] * self.down(y)  # [B, 2*channels, ceil(h/2), ceil(w/2)]
        return ways, each


def separable(channels: int, *, stride: int = 1, act: bool = True) -> list[nn.Module]:
    """A 3x3 convolution of each channel by itself, then a 1x1 of all together with norm, and ReLU unless `act` is false."""
    alone = nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)
    together = ConvNormAct(channels, channels, 1)
    if not act:
        together.act = nn.Identity()
    nn.init.kaiming_normal_(alone.weight, mode="fan_in", nonlinearity="relu")
    return [alone, together]


def _none(gates: Tensor) -> bool:
    """Whether all gates are closed, where that may be asked: neither of shapes alone nor in a graph for all images."""
    return not (gates.is_meta or torch.compiler.is_compiling() or bool(gates.any()))
