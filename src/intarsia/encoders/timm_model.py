"""The door to timm, which is imported when it is needed."""

import warnings
from types import ModuleType


def imported_timm() -> ModuleType:
    """Import timm, when it is needed."""
    with warnings.catch_warnings():  # of tqdm, in a notebook without widgets, whose bars nobody sees here
        warnings.filterwarnings("ignore", "IProgress not found")
        import timm  # here, because it imports torchvision: seconds that nobody should pay for `import intarsia`

    return timm
