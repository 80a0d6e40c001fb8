"""What is concluded about the masks of a folder while their values are read."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ..exam.examine import Exam
from ..finding import Finding, Severity, Sight

STRAY = -1


class _Notes:
    """What is found on the way."""

    def __init__(self, exams: Sequence[Exam]) -> None:
        self.exams = exams
        self.tables: dict[int, dict[int, int]] = {}
        self.lost: dict[int, str] = {}
        self.findings: list[Finding] = []
        self.void: int | None = None

    def tell(
        self, kind: str, severity: Severity, message: str, hit: Sequence[Exam], fix: str, places: Iterable[str] = ()
    ) -> None:
        shown = tuple(places) or tuple(e.place for e in hit[:5])
        seen = tuple(Sight(e.name, e.image_path, e.mask_path) for e in hit[:5])
        self.findings.append(Finding(kind, severity, f"{message}.", shown, fix, seen))

    def values(self, exam: Exam) -> dict[int, int]:
        """The counts of a mask's values, as far as they are translated."""
        table = self.tables.get(id(exam))
        if table is None:
            return exam.values
        merged: Counter[int] = Counter()
        for value, count in exam.values.items():
            merged[table.get(value, value)] += count
        return dict(merged)

    def translate(self, exam: Exam, rule: Callable[[int], int]) -> None:
        """Send a mask's values, as they are now, through a rule."""
        table = self.tables.get(id(exam), {})
        self.tables[id(exam)] = {v: rule(table.get(v, v)) if table.get(v, v) >= 0 else STRAY for v in exam.values}

    def lose(self, exam: Exam, why: str) -> None:
        self.lost[id(exam)] = why


def _of(hit: Sequence[Exam], exams: Sequence[Exam]) -> str:
    return f"{len(hit)} of the {len(exams)} masks"
