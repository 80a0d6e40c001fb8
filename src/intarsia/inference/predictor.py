"""A trained network as a function from pictures to answers.

picture - engine - output - decide(task) - answer - Prediction
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..checkpoint import Checkpoint
from ..config import Predict
from ..errors import IntarsiaError, ModelError
from ..labels import LabelSpace
from ..postprocess import check_options, decision
from ..structures import Answer, Output
from . import running
from .assemble import described, summary
from .engine import Engine, Torch, name_of, networks_of
from .opened import opened, returned
from .prediction import Prediction
from .reading import Given, read_ahead, read_picture

if TYPE_CHECKING:
    from .job import Predictions


class Predictor:
    """An engine, and what the numbers of its classes mean.

    Args:
        engine: raw integers [B, in_channels, H, W] to an output of `structures`: `Torch`, or any such function; `Windowed`,
            `Averaged` and `Ensemble` are put around others.
        labels: what the numbers of its classes mean.
        task: what is answered: "classification", "semantic", "detection", "instance", "panoptic" or "depth"; "": the usual
            task of the output.
        in_channels: of the images.
        temperature: logits are divided by it before they become probabilities.
        decide: options of the decision that makes an answer of an output, such as {"threshold": 0.3}; the defaults are the
            papers'.

    Raises: ModelError when these do not fit together.
    """

    def __init__(
        self,
        engine: Engine,
        labels: LabelSpace,
        *,
        task: str = "",
        in_channels: int = 3,
        temperature: float = 1.0,
        decide: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        if isinstance(engine, nn.Module):
            raise ModelError(
                f"{type(engine).__name__} is a network, which does not know how its images are normalized; give "
                "Predictor.of_network(model, labels, mean, std)"
            )
        if isinstance(engine, Torch) and len(engine.mean) != in_channels:
            raise ModelError(
                f"mean holds {len(engine.mean)} numbers and std {len(engine.std)} for images of {in_channels} channels; "
                "give one for each channel"
            )
        check_options(task, decide, labels)
        self.engine = engine
        self.labels = labels
        self.task = task
        self.in_channels = in_channels
        self.decide = dict(decide)
        self.temperature = float(self.decide.pop("temperature", temperature))  # one, for answers and probabilities
        self.checkpoint: Checkpoint | None = None  # what it was loaded from, without tensors
        self.returns: type | None = None  # the kind of output, where it is known before the first picture

    @classmethod
    def of_network(
        cls,
        model: nn.Module,
        labels: LabelSpace,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        in_channels: int = 3,
        device: str | torch.device = "auto",
        precision: str = "float32",
        task: str = "",
        decide: Mapping[str, Any] = MappingProxyType({}),
    ) -> Predictor:
        """A PyTorch network, its classes, and how its images are normalized.

        Args:
            model, mean, std, device, precision: as for `Torch`.
            task, decide: as for `Predictor`.

        Raises: ModelError when these do not fit together.
        """
        engine = Torch(model, mean, std, device=device, precision=precision)
        return cls(engine, labels, task=task, in_channels=in_channels, decide=decide)

    @classmethod
    def load(
        cls,
        path: str | Path | Sequence[str | Path],
        model: nn.Module | None = None,
        device: str | torch.device = "auto",
        precision: str | None = None,
        *,
        task: str = "",
        decide: Mapping[str, Any] = MappingProxyType({}),
        settings: Mapping[str, Any] | Predict | None = None,
    ) -> Predictor:
        """The network of a checkpoint, ready for use.

        Args:
            path: a checkpoint, the folder of a run, what `intarsia export` wrote (.onnx, .xml), a public model's name such as
                "torchvision:deeplabv3_resnet50", a classical method's such as "classical:otsu", or another library's file;
                several, or "a,b": the mean of what they say, with task, settings and options of the first.
            model: a network of the user's own, which gets the weights; needed where the catalogue does not have it.
            device: "auto" takes a GPU where there is one.
            task: what is answered; "": what the run's recipe says. Another task than the recipe's is decided with the
                defaults of that task.
            decide: options of the decision, over those of the recipe and those that `intarsia calibrate` fitted.
            settings: windows and views, keys of a recipe's `predict` such as {"window": 512, "flip": True}, over those of the
                run's recipe.

        Raises: CheckpointError when the file is no checkpoint or does not fit; ModelError for an unknown device, a task that
            the network cannot answer, an option that the decision does not take, windows smaller than the network works on,
            and models of other classes than the first; RecipeError for settings that are none.
        """
        found = opened(path, model, device, precision, task, decide, settings)
        first = found.checkpoint
        predictor = cls(
            found.engine,
            first.labels,
            task=found.task,
            in_channels=first.in_channels,
            decide=found.decide,
            temperature=found.temperature,
        )
        predictor.checkpoint = first
        predictor.returns = returned(first.model)
        return predictor

    def deciding(self, task: str = "", decide: Mapping[str, Any] = MappingProxyType({})) -> Predictor:
        """The same engine for another task or with other options.

        Args:
            task: "": the same; another one is decided with its defaults.
            decide: options of the decision, over those of this predictor.

        Raises: ModelError as the constructor.
        """
        options = {**(self.decide if task in ("", self.task) else {}), **decide}
        made = Predictor(
            self.engine,
            self.labels,
            task=task or self.task,
            in_channels=self.in_channels,
            temperature=self.temperature,
            decide=options,
        )
        made.checkpoint, made.returns = self.checkpoint, self.returns
        if made.returns is not None:
            decision(made.returns, self.labels, made.task, options)
        return made

    def write(self, source: str | Path | Iterable[str | Path], out: str | Path, **options: Any) -> Predictions:
        """Answer pictures, and write what was found into a folder: `intarsia.predict` with this predictor.

        Args:
            source: pictures, folders of pictures, or patterns such as "day*/*.jpg".
            out: the folder for the results.
            options: as for `intarsia.predict`.

        Raises: as `intarsia.predict`.
        """
        from .job import predict

        return predict(self, source, out, **options)

    def __repr__(self) -> str:
        return f"Predictor({summary(self.engine, self.labels, self.task, self.in_channels)})"

    @property
    def way(self) -> str:
        """In which windows and views, and with how many models, pictures are predicted; "" for one pass over each."""
        return described(self.engine)

    @property
    def pytorch(self) -> Torch:
        """The engine, where it is a PyTorch network.

        Raises: ModelError where it is another.
        """
        networks = networks_of(self.engine)
        if len(networks) > 1:
            raise ModelError(
                f"this needs a single network, and the predictor runs {len(networks)}; load one checkpoint"
            )
        if not networks:
            raise ModelError(
                f"this needs a network in PyTorch, and the predictor runs {name_of(self.engine)}; give the checkpoint of a network"
            )
        return networks[0]

    @property
    def model(self) -> nn.Module:
        """The network."""
        return self.pytorch.model

    @property
    def mean(self) -> tuple[float, ...]:
        """What is subtracted of each channel, in units of the full scale."""
        return self.pytorch.mean

    @property
    def std(self) -> tuple[float, ...]:
        """What each channel is divided by, in units of the full scale."""
        return self.pytorch.std

    @property
    def device(self) -> torch.device:
        """Where outputs lie; the CPU for engines that are no PyTorch network."""
        return next((network.device for network in networks_of(self.engine)), torch.device("cpu"))

    @property
    def precision(self) -> str:
        """Precision of the network's arithmetic."""
        return next((network.precision for network in networks_of(self.engine)), "float32")

    def __call__(self, image: Given) -> Prediction:
        """Answer one picture.

        Args:
            image: a file, an image of PIL's, an array [H, W] or [H, W, C], or a tensor [C, H, W]; raw values.

        Raises: DataError when it cannot be read, or has other channels than the network was trained on.
        """
        return running.predicted(self, read_picture(image, self.in_channels))

    def stream(
        self,
        images: Iterable[Given],
        workers: int = 1,
        failed: Callable[[str, IntarsiaError], None] | None = None,
        *,
        probabilities: bool = False,
    ) -> Iterator[Prediction]:
        """Answer many pictures, in order, reading ahead; at most `workers` + 1 pictures wait in memory.

        Args:
            images: what a call takes; drawn one by one, so that it may be endless.
            workers: threads that read ahead; 0 reads each picture when its turn comes.
            failed: called with the path and the error of each picture that cannot be used, which is then left out; without
                it, the first such picture raises its error once the pictures before it have been handed out.
            probabilities: predictions hold those of their pixels from the start, [K, H, W] float32, instead of computing them
                when they are asked for.
        """
        with closing(read_ahead(images, self.in_channels, workers)) as source:
            for name, job in source:
                try:
                    prediction = running.predicted(self, job.result(), probabilities)
                except IntarsiaError as error:
                    if failed is None:
                        raise
                    failed(name, error)
                    continue
                finally:
                    del job  # or its picture would stay while the next one is read
                yield prediction
                del prediction

    @torch.inference_mode()
    def output(self, image: Tensor) -> Output:
        """What the network returns for a batch.

        Args:
            image: [B, C, H, W] raw integers, uint8 or int32 (16-bit values).

        Returns: an output whose parts have their shapes and are float32, on the predictor's device.

        Raises: DataError for other images, or images that do not fit into memory; ModelError when the network returns
            something else, or scores that are no numbers.
        """
        return running.output_of(self, image)

    @torch.inference_mode()
    def answers(self, output: Output) -> list[Answer]:
        """Decide the answers of a batch.

        Args:
            output: what `output` returned.

        Returns: one answer a picture, on the CPU.

        Raises: ModelError where the output cannot answer the task.
        """
        return running.answers_of(self, output)

    @torch.inference_mode()
    def run(self, image: Tensor) -> list[Answer]:
        """Answer a batch; where the engine sees it in windows, window by window, in memory that does not grow with it.

        Args:
            image: [B, C, H, W] raw integers, uint8 or int32 (16-bit values).

        Returns: one answer a picture, on the CPU.

        Raises: as `output` and `answers`.
        """
        return running.run(self, image)

    def logits(self, image: Tensor) -> Tensor:
        """The scores of a batch's pixels.

        Args:
            image: [B, C, H, W] raw integers, uint8 or int32 (16-bit values).

        Returns: [B, K, H, W] float32 on the predictor's device; K is 1 for one sigmoid map.

        Raises: as `output`; ModelError where the network gives pixels no scores.
        """
        return running.scores_of(self, self.output(image))

    def probabilities(self, image: Tensor) -> Tensor:
        """How probable each class is, under the temperature that `intarsia calibrate` fitted.

        Args:
            image: [B, C, H, W] raw integers, uint8 or int32 (16-bit values).

        Returns: [B, K, H, W] float32 on the predictor's device; K is the number of classes, also for one sigmoid map.
        """
        return self.scaled(self.logits(image))

    @torch.inference_mode()
    def scaled(self, logits: Tensor) -> Tensor:
        """The probabilities [B, K, H, W] of logits, under the predictor's temperature."""
        return self.labels.probabilities(logits / self.temperature)
