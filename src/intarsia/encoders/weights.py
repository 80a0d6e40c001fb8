"""Published weights of encoders: whether they lie on this machine, and one try to get them where they do not."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlparse

from ..errors import EncoderError
from .timm_model import imported_timm

PATIENCE = 3.0  # seconds that the hub has to answer in
FILES = ("model.safetensors", "pytorch_model.bin")


def here(name: str) -> bool:
    """Whether the weights of an encoder lie in the hub's cache of this machine; nothing is asked of any server."""
    from huggingface_hub import try_to_load_from_cache

    with suppress(Exception):  # an encoder without weights, or another kind of cache
        known = imported_timm().get_pretrained_cfg(name)
        home = str(known.hf_hub_id or "")
        home = f"{home}{known.architecture}.{known.tag}" if home.endswith("/") else home
        return any(isinstance(try_to_load_from_cache(home, file), str) for file in FILES)
    return False


def reachable() -> bool:
    """Whether the hub answers: one try of some seconds. Behind a proxy, and where it is switched off, its client decides."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    place = urlparse(constants.ENDPOINT)
    try:
        socket.create_connection((place.hostname or "", place.port or 443), timeout=PATIENCE).close()
    except (OSError, RuntimeError):
        return False
    return True


@contextmanager
def loading(name: str, pretrained: bool) -> Iterator[None]:
    """Build a backbone inside, with its weights where `pretrained` says so.

    Raises: EncoderError in one sentence for whatever the network, the hub or its cache come up with; without weights an error
        stays what it is.
    """
    if not pretrained:
        yield
        return
    try:
        with one_try(name):
            yield
    except EncoderError:
        raise
    except Exception as error:
        raise EncoderError(
            f"the weights of encoder {name!r} cannot be loaded ({error}); use pretrained=False"
        ) from error


@contextmanager
def one_try(name: str) -> Iterator[None]:
    """Load weights inside; where the hub does not answer, only from this machine, instead of trying for minutes.

    Raises: EncoderError in one sentence where they are not here.
    """
    from huggingface_hub import constants

    if here(name) or reachable():
        yield
        return
    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    except EncoderError:
        raise
    except Exception as error:
        raise EncoderError(
            f"the weights of encoder {name!r} cannot be loaded (they are not on this machine, and "
            f"{urlparse(constants.ENDPOINT).hostname} does not answer); use pretrained=False (model.pretrained=false in a "
            "recipe), or go online once"
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = before
