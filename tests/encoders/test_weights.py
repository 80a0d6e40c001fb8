"""Published weights: one look at this machine, one try of the hub, one sentence."""

import socket

import pytest

from intarsia.encoders import Encoder, weights
from intarsia.errors import EncoderError
from intarsia.training.defaults import weights_of
from intarsia.training.facts import Facts


def test_a_hub_that_does_not_answer_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    tries = []

    def connect(place: tuple[str, int], timeout: float) -> socket.socket:
        tries.append((place, timeout))
        raise TimeoutError("nobody there")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(weights, "here", lambda name: False)
    monkeypatch.setattr(weights.socket, "create_connection", connect)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    with pytest.raises(
        EncoderError, match="are not on this machine, and .* does not answer\\); use pretrained=False"
    ) as told:
        Encoder("resnet10t", pretrained=True)
    assert len(tries) == 1 and tries[0][1] <= 3 and "\n" not in str(told.value)
    assert constants.HF_HUB_OFFLINE is False


def test_weights_that_are_here_are_taken_and_others_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Facts(20)
    monkeypatch.setattr(weights, "here", lambda name: True)
    assert {c.key: c.value for c in weights_of(facts, "resnet18")} == {
        "model.pretrained": True,
        "optimizer.encoder_lr": 0.1,
    }
    assert [c.value for c in weights_of(facts._replace(channels=4), "resnet18")] == [False]
    monkeypatch.setattr(weights, "here", lambda name: False)
    (choice,) = weights_of(facts, "resnet18")
    assert choice.value is False and "model.pretrained=true downloads them once" in choice.why
