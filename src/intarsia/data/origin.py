"""Where the data of a checkpoint lies: a path or an address out of a file is used only when its user has named it.

A checkpoint says what it was trained on, and whoever made it may have written any folder or server there. So the data that
a user trains on is noted in the cache folder of this user on this machine, which no file can bring along; what stands in
a checkpoint is opened when it is noted there, or when the user names the place.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..output import cache_folder, replaced


def note(data: Mapping[str, Any]) -> None:
    """Remember that this user has named the data of a recipe, its `data` section."""
    try:
        place = _noted(data)
        place.parent.mkdir(parents=True, exist_ok=True)
        with replaced(place) as file:
            file.write_text(_spelled(data) + "\n", encoding="utf-8")
    except OSError:
        pass  # then the place has to be named again


def own(data: Any, root: str | Path | None) -> dict[str, Any]:
    """The `data` section of a checkpoint's recipe, with the place that may be read as its root.

    Args:
        data: as the recipe has it.
        root: the place that the user names, if one is named.

    Raises: DataError when it is no such section, or asks for a place that the user has not named.
    """
    if data is None:
        return {}
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        raise DataError(
            "the checkpoint does not say in a readable way what it was trained on; name a data set or a folder"
        )
    try:
        noted = _noted(data).is_file()
    except (OSError, TypeError, ValueError, RecursionError):
        noted = False
    if not noted:
        rest = {key: value for key, value in data.items() if key not in ("name", "root")}
        if far := _leaving(rest):
            raise DataError(
                f"the checkpoint reads its data from {far!a}, which it names itself and you have not trained on here; "
                "name a data set, a folder or a recipe of your own"
            )
        if root is None and data.get("root") is not None:
            raise DataError(
                f"the checkpoint was trained on {data['name']} in {str(data['root'])!a}, which it names itself and you have "
                "not trained on here; if that is the place, name it with --root (root= in Python), or name other data"
            )
    return {**data, "root": root if root is not None else data.get("root")}


def _leaving(value: Any) -> str:
    """The first text in options that could lead out of the root: an absolute path, one that climbs, an address."""
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        return next((far for item in value if (far := _leaving(item))), "")
    if not isinstance(value, str):
        return ""
    parts = value.replace("\\", "/").split("/")
    climbs = ".." in parts or (parts[0] in ("", "~") and len(parts) > 1) or (parts[0].endswith(":") and len(parts) > 1)
    return value if climbs else ""


def _spelled(data: Mapping[str, Any]) -> str:
    """The section as one line, whatever the folder it was named from."""
    root = data.get("root")
    if root is not None and "://" not in str(root):
        root = os.path.realpath(root)
    return json.dumps({**data, "root": root}, sort_keys=True, default=str)


def _noted(data: Mapping[str, Any]) -> Path:
    return cache_folder() / "named" / hashlib.blake2b(_spelled(data).encode(), digest_size=16).hexdigest()
