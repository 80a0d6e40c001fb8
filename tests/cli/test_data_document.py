"""docs/data.md ends with what `intarsia data list --markdown` prints."""

from pathlib import Path


def test_the_document_lists_the_catalogue(root: Path, run_cli) -> None:
    code, out, _ = run_cli("data", "list", "--markdown")
    text = (root / "docs" / "data.md").read_text(encoding="utf-8")
    assert code == 0
    assert "## The data sets\n" + text.partition("## The data sets\n")[2] == out, (
        "type: sed -i '/^## The data sets/,$d' docs/data.md && intarsia data list --markdown >> docs/data.md"
    )


def test_every_key_of_augmentation_is_told(root: Path) -> None:
    from intarsia.config.pictures import Augment

    section = (
        (root / "docs" / "data.md").read_text(encoding="utf-8").partition("## Augmentation")[2].partition("\n## ")[0]
    )
    assert [key for key in Augment.model_fields if f"`{key}`" not in section] == []
