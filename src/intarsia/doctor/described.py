"""What a source turned out to be, and how its splits are opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from .. import datasets
from ..characters import one_line
from ..data.roles import TEST, TRAIN, of, role
from ..labels import LabelSpace


@dataclass(frozen=True)
class Described:
    """What a source is.

    Attributes:
        title: what it was recognized as: "FOLDER: 10 pairs, images in images, masks in masks".
        data: the `data` of a recipe that reads it: name, root, options, and the splits to train and to validate on.
        labels: the meaning of its masks; None where its data set brings one.
        sizes: (height, width) of its images, or of some of them.
        said: what was inferred, and what is left out, a sentence each.
        count: how many images it has, as far as that is known without reading all of them.
        refused: why nothing can be trained on it; empty where something can.
        kind: "name" of a data set, "recipe", "folder" of images and masks, or "other": an export, or a set as its makers pack it.
    """

    title: str
    data: Mapping[str, Any]
    labels: LabelSpace | None = None
    sizes: tuple[tuple[int, int], ...] = ()
    said: tuple[str, ...] = ()
    count: int = 0
    refused: str = ""
    kind: Literal["name", "recipe", "folder", "other"] = "other"

    @property
    def options(self) -> dict[str, Any]:
        """The data set's own keyword arguments."""
        return {key: value for key, value in self.data.items() if key not in ("name", "root", "train", "val")}

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits that it has, training first."""
        return datasets.splits(self.data["name"], self.data.get("root"), **self.options)

    @property
    def chosen(self) -> list[str]:
        """The splits to train and to validate on."""
        return [split for split in (self.data.get("train"), self.data.get("val")) if split]

    @property
    def others(self) -> list[str]:
        """The splits that are neither trained nor validated on: those for the test, and of an export those of any other name."""
        if "all" in self.chosen:
            return []
        roles = self.options.get("roles")
        rest = [name for name in self.splits if name not in self.chosen]
        return [n for n in rest if role(n, roles) == TEST or (self.data["name"] == "export" and not role(n, roles))]

    def open(self, split: str) -> Any:
        """The data set of one split.

        Raises: DataError for a split that is not there, with the nearest name.
        """
        return datasets.open(self.data["name"], self.data.get("root"), split, self.labels, **self.options)

    def whole(self) -> Described:
        """The same without a holdout that nobody asked for: the split of which it would be a part."""
        if "holdout" not in self.data:
            return self
        kept = {key: value for key, value in self.data.items() if key != "holdout"}
        names = of(TRAIN, replace(self, data=kept).splits, self.options.get("roles"))
        ends = {"train": names[0] if len(names) == 1 else TRAIN if names else "all", "val": None}
        return replace(self, data=kept | ends)

    def text(self) -> str:
        """What it is, for people: the title, what was inferred, and which value is which class."""
        if self.labels is None:
            return "\n".join(map(one_line, [self.title, *self.said]))
        head = "drawn as                 no.  class" if self.kind == "other" else "value in the masks       no.  class"
        table = [f"  {values:<24} {number:>3}  {name}" for values, number, name in self.labels.rows()]
        return "\n".join([*map(one_line, [self.title, *self.said]), f"  {head}", *table])


def opened(
    known: Described,
    splits: Sequence[str] | None = None,
    *,
    every: bool = False,
    holdout: bool = True,
    said: list[str] | None = None,
) -> list[Any]:
    """The data sets of a source, one a split.

    Args:
        splits: None for all of a data set given by name, and those to train and validate on of anything else.
        every: with None, the splits for the test too.
        holdout: whether a folder without a split to validate on has a part of its images held out as one.
        said: gets a sentence about such a part.

    Raises: whatever the data set has to say of a split.
    """
    if known.kind == "name":
        return [known.open(split) for split in splits or known.splits]
    if known.kind != "recipe" and "holdout" in known.data:
        if not holdout:
            known = known.whole()
        elif said is not None and {*(splits or ("train", "val"))} & {"train", "val"}:
            share = f"{known.data['holdout']:.0%} of the images, chosen by their names"
            said.append(f"{known.data['root']}: has no split to validate on; {share}, are held out as val")
    wanted = list(splits or known.chosen)
    return [known.open(split) for split in wanted + (known.others if every and not splits else [])]
