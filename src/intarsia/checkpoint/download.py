"""Weights from a network: into the folder where torch.hub keeps its own, or through huggingface_hub into its cache.

A file that is there already is not asked for again. What arrives is continued after a cut, held against its published
checksum before it takes its name, and never opened here. HF_HUB_OFFLINE=1 forbids every connection.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import torch

from ..datasets.transfer import Download, about, fetched
from ..errors import CheckpointError, DataError

Tell = Callable[[str, int, int], None]  # name, bytes that are here, bytes in all (0: unknown)
PIECE = 1 << 22  # bytes that are read at once for a checksum
FOLDERS = ("model.safetensors", "pytorch_model.bin")  # the usual names of weights in a repository of the hub
BESIDE = ("config.json", "preprocessor_config.json")  # what may lie beside them, and says what they are
HUB = "https://huggingface.co"
OFFLINE = "HF_HUB_OFFLINE is set, so nothing is downloaded"


def offline() -> bool:
    """Whether the user forbade connections, as huggingface_hub reads it."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def from_address(url: str, digest: str = "", tell: Tell | None = None, patience: float = 1.0) -> Path:
    """Bring a file into torch.hub's folder of checkpoints, under its own name, where torch.hub finds it as well.

    Args:
        digest: the first hexadecimal digits of its SHA-256; "" where none is published.
        tell: hears how much has arrived; None: a line on standard error.
        patience: seconds before a broken connection is tried again.

    Raises: CheckpointError where it cannot be had, or is another file than was published.
    """
    file = Download(url)
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    target = folder / file.name
    if target.is_file():
        return target
    if offline():
        raise CheckpointError(f"{file.name} is not in {folder}, and {OFFLINE}; unset it, or put the file there")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part, _ = fetched(file, folder, tell or shown, patience)
    except (DataError, OSError) as error:
        raise CheckpointError(f"{error}; or put {file.name} into {folder} by hand") from error
    if digest and not sha256(part).startswith(digest):
        part.unlink()
        about(part).unlink(missing_ok=True)
        raise CheckpointError(
            f"{url}: what arrived has another checksum than {digest}..., which was published; it was thrown away, so try again"
        )
    os.replace(part, target)
    about(part).unlink(missing_ok=True)
    return target


def from_hub(repository: str, name: str = "") -> Path:
    """Bring weights, config.json and preprocessor_config.json of a repository of the Hugging Face hub into huggingface_hub's cache.

    Args:
        repository: "owner/name".
        name: the file of the weights; "": the usual ones.

    Returns: the folder that holds them, or the file where it has another name than the usual.

    Raises: CheckpointError where it cannot be had.
    """
    for wanted in [name] if name else FOLDERS:
        weights = _of_hub(repository, wanted)
        if weights is not None:
            break
    else:
        looked = name or " and ".join(FOLDERS)
        raise CheckpointError(
            f"{repository}: the repository on the hub has no {looked}; look at its files, and name one"
        )
    config = _of_hub(repository, BESIDE[0])
    if config is not None and b'"model_type"' in config.read_bytes():  # transformers wrote it
        _of_hub(repository, BESIDE[1])
    return weights.parent if weights.name in FOLDERS else weights


def _of_hub(repository: str, name: str) -> Path | None:
    """One file; None where the repository has none of that name.

    Raises: CheckpointError for everything else.
    """
    import huggingface_hub
    from huggingface_hub import errors

    known = huggingface_hub.try_to_load_from_cache(repository, name)
    if isinstance(known, str):
        return Path(known)
    if offline():
        if name in BESIDE or (name == FOLDERS[0] and _kept(repository, FOLDERS[1])):
            return None
        raise CheckpointError(f"{repository}: {name} is not in huggingface_hub's cache, and {OFFLINE}; unset it")
    endpoint = os.environ.get("HF_ENDPOINT") or HUB
    unreached = f"{repository}: the hub cannot be reached and {name} is not in the cache"
    if reason := _unreachable(endpoint):
        raise CheckpointError(f"{unreached} ({reason}); check the network and try again")
    try:
        path = Path(huggingface_hub.hf_hub_download(repository, name, endpoint=endpoint, etag_timeout=10))
    except errors.LocalEntryNotFoundError as error:
        raise CheckpointError(f"{unreached}; check the network and try again") from error
    except errors.EntryNotFoundError:
        return None
    except errors.GatedRepoError as error:
        raise CheckpointError(
            f"{repository}: its owners ask for your consent first; give it at https://huggingface.co/{repository}, then `hf auth login`"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(
            f"{repository}: there is no such repository on the hub, or it is private; look at its spelling"
        ) from error
    except Exception as error:  # whatever its client and the transport below make of a connection
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"{repository}: {name} cannot be had from the hub ({said}); type the same again"
        ) from error
    blob = Path(os.path.realpath(path))
    if len(blob.name) == 64 and sha256(blob) != blob.name:  # large files are kept under their checksum
        blob.unlink()
        path.unlink(missing_ok=True)
        raise CheckpointError(
            f"{repository}: what arrived of {name} has another checksum than the hub published; it was thrown away, so try again"
        )
    return path


def _unreachable(address: str) -> str:
    """Why a server does not answer at all, after one try, where the hub's own client tries for half a minute; "" where it does."""
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=10).close()
    except urllib.error.HTTPError as error:
        error.close()
    except (OSError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", error))
    return ""


def _kept(repository: str, name: str) -> bool:
    import huggingface_hub

    return isinstance(huggingface_hub.try_to_load_from_cache(repository, name), str)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def shown(name: str, here: int, total: int) -> None:
    """Write how much of a file has arrived over the last line of the terminal; nothing where there is no terminal."""
    if sys.stderr.isatty():
        of = f" of {total / 1e6:.1f}" if total else ""
        end = "\n" if here == total else ""
        sys.stderr.write(f"\r{name}: {here / 1e6:.1f}{of} MB{end}")
        sys.stderr.flush()
