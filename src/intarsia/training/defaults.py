"""What a run takes where nobody chose: one function a choice, each with its reason as a sentence.

    facts of the data  -,
    machine            -+- crop - scale - batch - network - loss - schedule ... -> a complete recipe, and a table of reasons
    budget             -'

benchmarks/defaults.py runs the numbers in here one against the other; docs/training.md says which have been measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..encoders import weights
from .facts import Facts
from .machine import Machine, bytes_of

GRID = 32  # pixels that crops are rounded to
CROPS = {"cpu": (256, 320), "cuda": (256, 320, 384, 512, 640, 768), "mps": (256, 320, 384, 512)}
STEPS = 60  # fewer than these teach nothing: the crop becomes smaller before
MANY = 5000  # steps of large crops from which pictures are seen in their own size
SCARCE = 100  # samples below which parts of one are pasted into another
FEW = 50  # samples below which further changes of a sample are worth their noise
THIN = 5.0  # pixels across below which a map of a quarter of the size loses what is thin
COMPACT = 0.05  # width over size of objects that are no strings
LARGE, SHOWN = 256, 192  # pixels across: objects that are larger in all classes are shown in about this size on a CPU
RARE = 0.05  # share of the pixels of a class below which the loss weighs classes
MEMORY = 0.6  # share of the free memory that a step may take
UNMEASURED = {"cpu": 190_000.0, "cuda": 2e7, "mps": 2e6}  # pixels a second: of each core, or of the device


class Chosen(NamedTuple):
    """A choice that nobody made, with its reason."""

    key: str  # in a recipe: "augment.crop"
    value: Any
    why: str


def choose(facts: Facts, here: Machine, budget: Mapping[str, Any]) -> list[Chosen]:
    """Choose everything that follows from data, machine and budget for a map of classes.

    Args:
        budget: {"minutes": 15}, {"epochs": 30} or {"steps": 500}.
    """
    shown = resize_of(facts, here, budget)
    facts = facts if shown is None else resized(facts, shown.value["shorter"])
    model = network(facts, here)
    crop = crop_of(facts, here, budget)
    batch = batch_of(facts, here, budget, crop.value[0], model.value)
    norm = [norm_of(batch.value)] if model.value["name"] == "fpn" else []
    steps = steps_of(facts, here, budget, crop.value[0], batch.value)
    return [
        model,
        *norm,
        *weights_of(facts, model.value["encoder"]),
        *([shown] if shown else []),
        crop,
        scale_of(facts, crop.value[0]),
        *changes_of(facts),
        *loss_of(facts),
        rate_of(batch.value),
        warmup_of(steps),
        Chosen(
            "train." + next(iter(budget)), next(iter(budget.values())), "the budget that was asked for, or 15 minutes"
        ),
        batch,
        average_of(),
        *reading_of(facts, here),
        *([every_of(facts, here, budget, steps)] if steps else []),
    ]


def resize_of(facts: Facts, here: Machine, budget: Mapping[str, Any]) -> Chosen | None:
    """The size in which the network sees pictures: smaller, where every object is large and the budget leaves few steps."""
    if here.accelerator != "cpu" or facts.finest is None or facts.finest < LARGE:
        return None
    steps = steps_of(facts, here, budget, CROPS["cpu"][-1], 8)
    if "minutes" not in budget or steps is None or steps >= MANY:
        return None
    factor = SHOWN / facts.finest
    if facts.width is not None:
        factor = max(factor, 2 * THIN / facts.width)
    side = max(round(factor * min(facts.size) / GRID), 5) * GRID
    if side > 0.75 * min(facts.size):
        return None
    told = f"objects of all classes are over {LARGE} px across, and at {min(facts.size)} px the budget has about {steps} steps"
    return Chosen("resize", {"shorter": side}, told)


def resized(facts: Facts, shorter: int) -> Facts:
    """What is known of the pictures in the size in which the network sees them."""
    factor = shorter / min(facts.size)
    return facts._replace(
        size=(round(facts.size[0] * factor), round(facts.size[1] * factor)),
        object_size=None if facts.object_size is None else facts.object_size * factor,
        finest=None if facts.finest is None else facts.finest * factor,
        width=None if facts.width is None else facts.width * factor,
    )


def network(facts: Facts, here: Machine) -> Chosen:
    """The architecture and its width."""
    encoder = "regnety_016" if here.accelerator == "cuda" else "regnetx_004"
    if facts.width is not None and facts.width < THIN:
        tree: dict[str, Any] = {"name": "unet", "encoder": encoder, "channels": [16, 32, 48, 64, 96]}
        return Chosen("model", tree, f"classes are {facts.width:.1f} px wide, so the network answers at every pixel")
    wide = 128 if here.accelerator == "cuda" else 96
    tree = {"name": "fpn", "encoder": encoder, "channels": wide, "branch": wide, "smooth": False}
    wanted = "on a GPU" if here.accelerator == "cuda" else "on a CPU"
    return Chosen(
        "model", tree, f"the network that learns most in a short time {wanted}; answers at a quarter of the size"
    )


def norm_of(batch: int) -> Chosen:
    """How the decoder is normed."""
    if batch < 4:
        return Chosen("model.norm", "group", f"{batch} images are too few to take their own mean and deviation")
    return Chosen("model.norm", "batch", f"faster than group norm, and {batch} images are enough for it")


def weights_of(facts: Facts, encoder: str) -> list[Chosen]:
    """Whether to start from published weights: where they are on this machine; else they are proposed."""
    if facts.channels != 3:
        return [
            Chosen("model.pretrained", False, f"published weights know three channels, and these have {facts.channels}")
        ]
    if weights.here(encoder):
        return [
            Chosen("model.pretrained", True, f"the weights of {encoder} are on this machine"),
            Chosen("optimizer.encoder_lr", 0.1, "what the encoder knows already changes slowly"),
        ]
    told = f"those of {encoder} are not on this machine; model.pretrained=true downloads them once, which mostly gains a lot"
    return [Chosen("model.pretrained", False, told)]


def crop_of(facts: Facts, here: Machine, budget: Mapping[str, Any]) -> Chosen:
    """The training crop: room for an object and what is around it, as far as the median picture and the budget go."""
    sides = CROPS[here.accelerator]
    most = max(GRID, min(facts.size) // GRID * GRID)
    wish = 1.5 * facts.object_size if facts.object_size else sides[0]
    side = next((side for side in sides if side >= wish), sides[-1])
    told = f"objects are {facts.object_size:.0f} px across" if facts.object_size else "no object says otherwise"
    for smaller in reversed([s for s in sides if s < side]):
        steps = steps_of(facts, here, budget, side, 4)
        if "minutes" not in budget or steps is None or steps >= STEPS:
            break
        side, told = smaller, f"{told}, and larger crops would leave {steps} steps"
    if side > most:
        side, told = most, f"{told}, and the median picture is {facts.size[1]}x{facts.size[0]}"
    return Chosen("augment.crop", [side, side], told)


def scale_of(facts: Facts, crop: int) -> Chosen:
    """The range of the zoom: down to where a large object fits into a crop, up to where a small one is seen well."""
    size = facts.object_size
    if size is None:
        return Chosen("augment.scale", [0.6, 1.6], "no object says otherwise")
    low = 0.6 if 1.2 * size <= crop else max(0.4, round(0.6 * crop / size, 1))
    high = 2.0 if size < 32 else 1.6
    if (
        facts.width is not None and facts.width > COMPACT * size
    ):  # a part of a string looks like the whole, a part of a cat does not
        high = min(high, max(1.1, round(1.2 * crop / size, 1)))
    told = f"objects of {size:.0f} px " + ("fit into a crop" if low == 0.6 else f"do not fit into {crop} px")
    return Chosen("augment.scale", [min(low, 0.6), high], told + (", and are small" if high == 2.0 else ""))


def changes_of(facts: Facts) -> list[Chosen]:
    """How samples are changed beside crop and zoom."""
    found = [
        Chosen("augment.flip", True, "most pictures can be mirrored; set false where left and right mean something"),
        Chosen("augment.brightness", 0.2, "pictures come in any light"),
        Chosen("augment.contrast", 0.2, "pictures come in any light"),
    ]
    if facts.channels == 3:
        found.append(Chosen("augment.saturation", 0.2, "three channels are taken for colors"))
    if facts.samples < FEW:
        found.append(Chosen("augment.rotate", 10, f"{facts.samples} samples are few, so each is seen in more ways"))
    if facts.samples < SCARCE and _compact(facts) and facts.object_size and 2 * facts.object_size > min(facts.size):
        told = (
            f"parts of {facts.samples} samples are mixed, so that none is learned by heart; objects fill their pictures"
        )
        found.append(Chosen("augment.cutmix", 0.5, told))
    if facts.commonest > 0.5 and not facts.planes and facts.classes > 2:
        found.append(Chosen("augment.max_share", 0.75, f"one class has {100 * facts.commonest:.0f} % of the pixels"))
    return found


def loss_of(facts: Facts) -> list[Chosen]:
    """The loss, by how many labels a pixel has and how evenly the classes are spread."""
    if facts.planes:
        return [Chosen("loss.name", "dice_bce", "several labels a pixel: each plane by itself, large and small alike")]
    name = Chosen("loss.name", "cross_entropy", "one label a pixel")
    if facts.rarest >= RARE:
        return [
            name,
            Chosen("loss.class_weights", "none", f"the rarest class has {100 * facts.rarest:.0f} % of the pixels"),
        ]
    told = f"the rarest class has {100 * facts.rarest:.2g} % of the pixels"
    return [
        name,
        Chosen("loss.class_weights", "log", told),
        Chosen("loss.weight_power", 0.5, "whole weights find rare classes and pay in precision"),
    ]


def rate_of(batch: int) -> Chosen:
    """The learning rate of AdamW: 2e-3 for 8 images a step, and with the root of their number."""
    rate = round(2e-3 * (batch / 8) ** 0.5, 5)
    return Chosen("optimizer.lr", rate, f"2e-3 for 8 images a step, by the root of their number for {batch}")


def warmup_of(steps: int | None) -> Chosen:
    """The share of the budget in which the rate rises."""
    share = 0.03 if steps is None or steps >= 1000 else 0.05
    told = "some dozens of steps" if steps is None else f"about {max(round(share * steps), 1)} of about {steps} steps"
    return Chosen("schedule.warmup", share, told)


def batch_of(facts: Facts, here: Machine, budget: Mapping[str, Any], crop: int, model: Mapping[str, Any]) -> Chosen:
    """Images a step: few where the budget leaves few steps, and never more than fit into the free memory."""
    wish = 16 if here.accelerator == "cuda" else 8
    told = f"usual on {here.accelerator}"
    steps = steps_of(facts, here, budget, crop, wish)
    if "minutes" in budget and steps is not None and steps < 1000:
        wish, told = wish // 2, f"more steps of fewer images: {wish} would leave about {steps} steps"
    options = tuple(sorted((k, _frozen(v)) for k, v in model.items() if k not in ("name", "pretrained")))
    each, beside = bytes_of(str(model["name"]), options, facts.classes)
    room = max(MEMORY * here.memory - beside, 0) / max(each * crop * crop, 1)
    if room < wish:
        fits = max(1, int(room))
        wish, told = fits, f"{here.memory / 1e9:.3g} GB are free, and an image takes {each * crop * crop / 1e9:.2g} GB"
    if facts.samples < wish:
        wish, told = max(2, facts.samples), f"there are {facts.samples} samples"
    return Chosen("train.batch_size", wish, told)


def average_of() -> Chosen:
    """The moving average of the weights."""
    return Chosen(
        "train.ema", 0.999, "the average is smoother than the last step; in short runs it reaches back a tenth of them"
    )


def reading_of(facts: Facts, here: Machine) -> list[Chosen]:
    """Processes that read, and whether what they read is kept in memory."""
    workers = min(8, max(2, here.cores // 2)) if here.accelerator == "cuda" else 1
    if facts.samples <= 8:
        workers = min(workers, 1)
    size = facts.samples * facts.size[0] * facts.size[1] * (facts.channels + 1) * workers
    found = [Chosen("train.workers", workers, "reads ahead of the network" if workers == 1 else f"{here.cores} cores")]
    kept = size < 0.2 * here.memory
    told = f"all pictures decoded take {size / 1e9:.2g} GB"
    return [*found, Chosen("train.cache", kept, told)]


def every_of(facts: Facts, here: Machine, budget: Mapping[str, Any], steps: int) -> Chosen:
    """Steps between two validations: about six in a run, fewer where they would take over a tenth of its time."""
    many = 6
    if minutes := budget.get("minutes"):
        held = (
            max(facts.samples // 4, 1) * facts.size[0] * facts.size[1]
        )  # about, and a third of a step's work for each pixel
        many = min(many, int(0.1 * 60 * minutes * pace_of(here) / (held / 3)))
    if many < 2:
        return Chosen("evaluate.every", None, "a validation takes long beside the budget, so there is one at the end")
    return Chosen("evaluate.every", max(50, steps // many // 10 * 10), f"about {many} validations in {steps} steps")


def steps_of(facts: Facts, here: Machine, budget: Mapping[str, Any], crop: int, batch: int) -> int | None:
    """About how many steps a budget has."""
    if budget.get("steps"):
        return int(budget["steps"])
    if budget.get("epochs"):
        return max(1, round(budget["epochs"] * max(facts.samples // batch, 1)))
    if not budget.get("minutes"):
        return None
    return max(1, round(60 * budget["minutes"] * pace_of(here) / (batch * crop * crop)))


def pace_of(here: Machine) -> float:
    """Pixels of training a second: as measured, or what is usual for such a machine."""
    if here.pace:
        return here.pace
    on_cpu = here.accelerator == "cpu"
    return UNMEASURED[here.accelerator] * (here.cores if on_cpu else 1) * (4 if here.unit and on_cpu else 1)


def _compact(facts: Facts) -> bool:
    """Whether objects are no strings, such as vessels."""
    return facts.width is not None and facts.object_size is not None and facts.width > COMPACT * facts.object_size


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
