"""The bar of a run: in a notebook without widgets it moves, and nothing warns in red."""

import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from intarsia.encoders.pyramid import imported_timm
from intarsia.training.bar import NotebookBar, TerminalBar, bar_on
from intarsia.training.log import Log


class Shown:
    """What IPython would show: the page of each state."""

    def __init__(self) -> None:
        self.states: list[str] = []

    def update(self, bar: Any) -> None:
        self.states.append(bar._repr_html_())


def test_the_bar_of_a_notebook_is_shown_once_and_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown, module = Shown(), ModuleType("IPython.display")
    module.display = lambda bar, display_id: (shown.update(bar), shown)[1]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setattr("intarsia.training.bar.EVERY", 0)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(Log, "say", lambda *_: None)
    with Log(tmp_path) as log:
        log.progress(0.25, 5, [0.5], 2.0, 10.0)
        log.progress(1.0, 20, [0.25], 2.0, 40.0)
    assert 'value="0.0000"' in shown.states[0] and 'value="0.2500"' in shown.states[1]
    assert "100 %  step 20  loss 0.250" in shown.states[-1]
    assert repr(log.bar).startswith("training 100%")


def test_which_bar_fits_a_console(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(bar_on(Console(force_terminal=True, force_jupyter=False)), TerminalBar)
    assert isinstance(bar_on(Console(force_jupyter=True)), NotebookBar)
    assert bar_on(Console(force_terminal=False, force_jupyter=False)) is None
    assert bar_on(Console(force_jupyter=True, quiet=True)) is None


def test_importing_networks_in_a_notebook_without_widgets_warns_of_nothing(monkeypatch, tmp_path: Path) -> None:
    # what timm's import does there: it imports huggingface_hub, which imports tqdm.auto, which misses ipywidgets
    text = "IProgress not found. Please update jupyter and ipywidgets."
    (tmp_path / "timm.py").write_text(f"import warnings\nwarnings.warn({text!r})\nstub = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert imported_timm().stub
    assert not caught
    monkeypatch.delitem(sys.modules, "timm")
