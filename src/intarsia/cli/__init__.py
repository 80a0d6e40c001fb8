"""The command line: one file a verb, and every heavy import inside the verb that needs it.

Exit codes: 0 done; 1 it ran, and the answer is no (the audit found errors); 2 it could not run, and one sentence on
standard error says why; 130 interrupted. With --json standard output holds one JSON document and nothing else; when a
verb could not run that document is {"error": the sentence}.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ..errors import IntarsiaError
from . import (
    benchmark,
    calibrate,
    compare,
    crf,
    data,
    demo,
    dense,
    evaluate,
    export,
    importing,
    init,
    lab,
    models,
    predict,
    publish,
    recipe,
    road,
    runs,
    score,
    study,
    summary,
    train,
)
from .terminal import console, refuse

app = typer.Typer(
    name="intarsia",
    help="Image segmentation: from a folder of labeled images to masks, scores and a report.",
    epilog="New here? `intarsia demo` trains a small network on drawn shapes and shows everything.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("init")(init.init)
app.add_typer(data.app, name="data")
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("score")(score.score)
app.command("compare")(compare.compare)
app.command("calibrate")(calibrate.calibrate)
app.add_typer(crf.app, name="crf")
app.command("dense")(dense.dense)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("publish")(publish.publish)
app.command("import")(importing.bring)
app.command("study")(study.study)
app.command("models")(models.models)
app.command("summary")(summary.summary)
app.command("benchmark")(benchmark.benchmark)
app.add_typer(recipe.app, name="recipe")
app.add_typer(runs.app, name="runs")
app.command("road")(road.road)
app.command("lab")(lab.lab)


@app.callback(invoke_without_command=True)
def opening(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    if version:
        from ..version import __version__

        print(f"intarsia {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line, and turn every error that is the user's to mend into one sentence and exit code 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    with warnings.catch_warnings():
        warnings.showwarning = _warn
        try:
            code = typer.main.get_command(app).main(args=given, prog_name="intarsia", standalone_mode=False, obj=given)
        except IntarsiaError as error:
            return refuse(str(error), as_json)
        except OSError as error:
            return refuse(_told(error), as_json)
        except RecursionError:
            return refuse("a file holds lists within lists without end; write or export it again", as_json)
        except Exception as error:
            if isinstance(error, MemoryError) or "not enough memory" in str(error):
                return refuse(
                    f"there is not enough memory for this ({_reason(error)}); give smaller pictures or files, or fewer at once",
                    as_json,
                )
            if not hasattr(error, "format_message"):
                raise  # a bug of ours: the traceback is what its report needs
            if not (sentence := _usage(error)):
                return 0  # a group without a verb: its help has been printed
            return refuse(sentence, as_json)
    if code == 130:
        console(error=True).print("interrupted")
    return int(code or 0)


def _usage(error: Any) -> str:
    """What the parser of the command line did not like, and where to look."""
    sentence = error.format_message().strip().rstrip(".?")
    if not sentence:
        return ""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "intarsia"
    return f"{sentence[0].lower()}{sentence[1:]}; see `{path} --help`"


def _reason(error: Exception) -> str:
    """The first line of what a library says of memory that it did not get."""
    lines = str(error).splitlines()
    return lines[0][:200] if lines else "an allocation failed"


def _told(error: OSError) -> str:
    """An error of the file system as a sentence."""
    what = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{error.filename}: {what}" if error.filename else what


def _warn(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    """A warning as one line on standard error, without the line of source that Python would add."""
    console(error=True).print(f"warning: {message}", style="yellow", markup=False, soft_wrap=True)
