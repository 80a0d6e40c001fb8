"""The splits that an export declares: which pictures are of which, and remarks on those that are not used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ..data.roles import KNOWN, TEST, TRAIN, VAL, checked, role, strongest
from ..documents import read_lines
from ..errors import DataError, counted, nearest
from .beside import unique
from .project import Picture, Pictures, Project

_OF_A_CLASS = re.compile(r".+_(?:trainval|train|val|test)", re.IGNORECASE)  # VOC's ImageSets/Main/cat_train.txt
_PLAIN = "default"  # what CVAT and Datumaro call the pictures of no split


class Declared(NamedTuple):
    """The splits of a project."""

    counts: Mapping[str, int]  # the name of each split -> how many pictures it has
    bare: int = 0  # pictures of no split
    told: Mapping[str, str] = {}  # what the user said of names

    @property
    def sure(self) -> bool:
        """Whether any name says what its split is for."""
        return any(role(name, self.told) in KNOWN for name in self.counts)

    @property
    def unknown(self) -> list[str]:
        """The names that do not say what their split is for."""
        return [name for name in self.counts if not role(name, self.told)]

    def of(self, wished: str) -> list[str]:
        """The names of the splits that are for a role."""
        return [name for name in self.counts if role(name, self.told) == wished]

    def named(self, split: str) -> list[str]:
        """The splits that a word means: all of a role, or the one of that name."""
        return (self.of(split) if split in KNOWN else []) or [name for name in self.counts if name == split]

    def word(self, wished: str) -> str:
        """What to call the splits of a role: by the name of the only one, or by the role."""
        names = self.of(wished)
        return names[0] if len(names) == 1 and self.named(names[0]) == names else wished

    def count(self, wished: str) -> int:
        """How many pictures are for a role."""
        return sum(self.counts[name] for name in self.of(wished))

    def said(self, alone: bool = False) -> list[str]:
        """One sentence each about splits that are not used, and about names that do not say what they are for.

        Args:
            alone: whether pictures of such names are taken for training all the same, as no name says anything.
        """
        said = [
            f"{name} ({counted(self.counts[name], 'picture')}) is left for the test: intarsia evaluate MODEL --split {name}"
            for name in self.of(TEST)
        ]
        said += [f"{name} ({counted(self.counts[name], 'picture')}) is not used, as told" for name in self.of("none")]
        if unknown := self.unknown:
            told = " and ".join(f"{name!r} ({counted(self.counts[name], 'picture')})" for name in unknown)
            many = len(unknown) > 1
            if not alone:
                said.append(
                    f"{'are' if many else 'is'} {told} for train, val or test? The name{'s do' if many else ' does'} not "
                    f"say, so {'they are' if many else 'it is'} not used; write data.roles: {{{unknown[0]}: train}}, or "
                    f"give --role {unknown[0]}=train"
                )
            elif many or (self.bare and unknown != [_PLAIN]):
                said.append(
                    f"{'are' if many else 'is'} {told} for train, val or test? The name{'s do' if many else ' does'} not "
                    f"say, so all pictures are taken as one; give --role {unknown[-1]}=val where they are splits"
                )
        if self.bare and not alone:
            said.append(f"{counted(self.bare, 'picture')} of no split {'are' if self.bare > 1 else 'is'} not used")
        return said


def plain(name: str) -> str:
    """The name of a split as a folder and a file can have it."""
    return re.sub(r"[\\/:*?\"<>|\s]+", "_", name.strip()).lstrip(".")


def declared(pictures: Iterable[Picture], told: Mapping[str, str] | None = None) -> Declared:
    """The splits of some pictures.

    Args:
        told: the name of a split -> train, val, test, or none for what is not used.

    Raises: DataError for a role that is none, or of a split that is not there.
    """
    counts = Counter(picture.split for picture in pictures)
    bare = counts.pop("", 0)
    if told:
        checked(told, counts)
    return Declared(dict(counts), bare, dict(told or {}))


def part(pictures: Sequence[Picture], split: str, known: Declared, root: Path) -> list[Picture]:
    """The pictures of one split.

    Raises: DataError with the nearest name.
    """
    if names := known.named(split):
        return [picture for picture in pictures if picture.split in names]
    if not known.counts:
        raise DataError(
            f"{root}: has no splits, so {split!r} is unknown; set data.holdout: 0.2 for a random fifth as 'val', or ask for 'all'"
        )
    raise DataError(f"{root}: there is no split {split!r}{nearest(split, [*known.counts, 'all'])}")


def to_train_on(pictures: Sequence[Picture], known: Declared, root: Path) -> list[Picture]:
    """The pictures of which some may be held out: those of training where splits are declared, else all.

    Raises: DataError where a split to validate on is declared, or none to train on.
    """
    if not known.sure:
        return list(pictures)
    if known.of(VAL):
        raise DataError(
            f"{root}: has a split to validate on, {known.word(VAL)}; leave out data.holdout, and write data.train: "
            f"{known.word(TRAIN)}, data.val: {known.word(VAL)}"
        )
    if not known.of(TRAIN):
        raise DataError(untrainable(root, known))
    return part(pictures, TRAIN, known, root)


def untrainable(root: Path, known: Declared) -> str:
    """The sentence about an export of which nothing is for training."""
    there = ", ".join(f"{name} ({count})" for name, count in known.counts.items())
    first = next(iter([*known.unknown, *known.counts]))
    bare = f"; {counted(known.bare, 'picture')} of no split" if known.bare else ""
    return (
        f"{root}: no split is declared for training, there are {there}{bare}; say which one is with --role "
        f"{first}=train, or data.roles: {{{first}: train}} in the recipe"
    )


def image_sets(root: Path, names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The split of each picture by the lists in ImageSets/, as PASCAL VOC has them, and a sentence each about what is odd.

    Args:
        names: of the pictures.

    Raises: DataError for a list that cannot be read.
    """
    home = root / "ImageSets"
    folders = [home / "Segmentation", home / "Main", home, *(sorted(home.iterdir()) if home.is_dir() else [])]
    for folder in folders:
        files = (
            [f for f in sorted(folder.glob("*.txt")) if not _OF_A_CLASS.fullmatch(f.stem)] if folder.is_dir() else []
        )
        lists = {f.stem: [line.split()[0] for line in read_lines(f) if line.strip()] for f in files}
        found, said = memberships(lists, names, folder.relative_to(root).as_posix() if lists else "")
        if found:
            return {} if set(found.values()) == {_PLAIN} else found, said
    return {}, []


def write_image_sets(folder: Path, lists: Mapping[str, Sequence[str]]) -> None:
    """A list of names for each split."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, names in lists.items():
        (folder / f"{split}.txt").write_text("".join(f"{n}\n" for n in names), encoding="utf-8")


def memberships(
    lists: Mapping[str, Sequence[str]], names: Sequence[str], where: str
) -> tuple[dict[str, str], list[str]]:
    """The one split of each picture by lists of names, and a sentence each about what is odd.

    A picture that several lists name is of the last one: of test before val, of val before train.
    """
    last: dict[str, list[str]] = {}
    for name in names:
        last.setdefault(name.rsplit("/", 1)[-1], []).append(name)
    held: dict[str, list[str]] = {}
    lost = 0
    for split, entries in lists.items():
        for entry in entries:
            short = last.get(entry.rsplit("/", 1)[-1], [])
            hit = [n for n in short if n == entry or n.endswith("/" + entry)] or (short if len(short) == 1 else [])
            lost += not hit
            for name in hit:
                held.setdefault(name, []).append(split)
    said = [f"{counted(lost, 'name')} in {where} of which there is no picture"] if lost else []
    return {name: strongest(splits) for name, splits in held.items()}, [*said, *several(held, where)]


def several(held: Mapping[str, Sequence[str]], where: str) -> list[str]:
    """The sentence about pictures that stand in splits of several roles."""
    alone = {name: [s for s in dict.fromkeys(splits) if s.lower() != "trainval"] for name, splits in held.items()}
    hit = [(name, own) for name, own in alone.items() if len({role(split) for split in own}) > 1]
    if not hit:
        return []
    name, own = hit[0]
    told = f"{counted(len(hit), 'picture')} in several splits of {where} (the first: {name} in {' and '.join(own)})"
    return [f"{told}; each is taken for test before val, and for val before train"]


def by_folder(project: Project) -> Project:
    """The same project; where it declares no split, and all pictures lie in folders of several that name one, by these."""
    found = []
    for picture in project:
        found.append(next((word for word in picture.name.split("/")[:-1] if role(word)), ""))
        if picture.split or not found[-1]:
            return project
    if len({role(split) for split in found}) < 2:
        return project
    pictures = tuple(p._replace(split=split) for p, split in zip(project, found, strict=True))
    return replace(project, pictures=pictures)


def prefixed(project: Project) -> Project:
    """The same project, the name of each picture beginning with its split: where folders are all that tells them apart."""
    if not any(picture.split for picture in project):
        return project

    def make(number: int) -> Picture:
        picture = project.pictures[number]
        told = not picture.split or picture.name.startswith(f"{picture.split}/")
        return picture if told else picture._replace(name=f"{picture.split}/{picture.name}")

    return replace(project, pictures=Pictures(len(project.pictures), make))


def together(projects: Mapping[str, Project]) -> Project:
    """The exports of several splits as one project, each picture with its split; names that are not unique begin with it."""
    first = next(iter(projects.values()))
    names = Counter(picture.name for project in projects.values() for picture in project)
    taken: dict[str, int] = {}
    pictures = []
    for split, project in projects.items():
        for picture in project:
            name = picture.name if names[picture.name] == 1 else f"{split}/{picture.name}"
            pictures.append(picture._replace(name=unique(name, taken), split=picture.split or split))
    classes = tuple(dict.fromkeys(name for project in projects.values() for name in project.classes))
    colors = {name: color for project in reversed(list(projects.values())) for name, color in project.colors.items()}
    colors = colors if len(set(colors.values())) == len(colors) else dict(first.colors)
    remarks = tuple(f"{split}: {remark}" for split, project in projects.items() for remark in project.remarks)
    loose = tuple(fault for project in projects.values() for fault in project.loose)
    return replace(first, classes=classes, pictures=tuple(pictures), colors=colors, remarks=remarks, loose=loose)
