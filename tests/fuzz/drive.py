"""Spoil files and read them: no crash, no traceback, no file outside of the output, nothing of the input changed.

    python tests/fuzz/drive.py --minutes 60            as long as that, from a seed that the clock gives
    python tests/fuzz/drive.py --count 300 --seed 1    so many cases, always the same
    python tests/fuzz/drive.py --replay                the corpus: what was found before

The cases run in one process after another that may take 2 GB above what it starts with and 10 seconds for each case. What
is found is written to tests/fuzz/corpus/KIND-HASH.zip, the folder of files as they were.
"""

import argparse
import faulthandler
import hashlib
import json
import logging
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
ABOVE = 2 << 30  # bytes of address space
SECONDS = 10
KEPT = 40_000  # bytes of a case in the corpus


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--kinds", nargs="*")
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--keep", action="store_true", help="write findings to the corpus")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        return _work(given)
    seed = given.seed if given.seed is not None else time.time_ns() % 10**9
    end = time.monotonic() + 60 * given.minutes if given.minutes else float("inf")
    done, found = 0, []
    with tempfile.TemporaryDirectory(prefix="intarsia-fuzz-") as place:
        while True:
            home = Path(place) / str(done)
            home.mkdir()
            left = end - time.monotonic()
            command = [
                sys.executable,
                __file__,
                "--worker",
                str(home),
                "--seed",
                str(seed),
                "--count",
                str(given.count - done),
            ]
            command += ["--minutes", str(left / 60)] if given.minutes else []
            command += ["--replay"] if given.replay else []
            command += ["--keep"] if given.keep else []
            command += ["--kinds", *given.kinds] if given.kinds else []
            code = subprocess.run(command, check=False).returncode
            lines = (home / "log").read_text().splitlines() if (home / "log").is_file() else []
            told = [json.loads(line) for line in lines]
            count = sum("case" in line for line in told)
            found += [line for line in told if "what" in line]
            if code:
                what = f"the process ended with {code}"
                found.append({"kind": told[-1]["case"] if told else "start", "what": what})
                if given.keep and told:
                    _keep(home / "case" / "in", told[-1]["case"])
            shutil.rmtree(home)
            done, seed = done + count, seed + 1
            over = time.monotonic() >= end if given.minutes else given.replay or done >= given.count
            if over or (code and not count):
                break
    for line in found:
        print(f"{line['kind']}: {line['what']}")
    print(f"{done} cases, {len(found)} findings")
    return 1 if found or not done else 0


def _work(given: argparse.Namespace) -> int:
    """Cases one after the other; the log has each before it is run."""
    sys.path.insert(0, str(Path(__file__).parent))
    from mutate import mutated
    from readers import reader_of
    from seeds import SEEDS

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    home, dice = given.worker, random.Random(given.seed)
    kinds = given.kinds or list(SEEDS)
    end = time.monotonic() + 60 * given.minutes if given.minutes else float("inf")
    for kind in [] if given.replay else kinds:
        (home / "seeds" / kind).mkdir(parents=True)
        SEEDS[kind](home / "seeds" / kind)
    _bound()
    old = sorted(CORPUS.glob("*.zip"))
    number = 0
    with (home / "log").open("w") as log:
        while time.monotonic() < end and (number < len(old) if given.replay else given.minutes or number < given.count):
            case = home / "case"
            shutil.rmtree(case, ignore_errors=True)
            if given.replay:
                kind = old[number].stem.rpartition("-")[0]
                with zipfile.ZipFile(old[number]) as archive:
                    archive.extractall(case / "in")
            else:
                kind = kinds[number % len(kinds)]
                _spoil(home / "seeds" / kind, case / "in", dice, mutated)
            (case / "bait").mkdir()
            (case / "bait" / "mine.txt").write_text("mine")
            number += 1
            log.write(json.dumps({"case": kind}) + "\n")
            log.flush()
            if what := _verdict(case, reader_of(kind)):
                log.write(json.dumps({"kind": kind, "what": what}) + "\n")
                log.flush()
                if given.keep:
                    _keep(case / "in", kind)
    return 0


def _bound() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").is_file() else 0
    if pages:
        most = pages * resource.getpagesize() + ABOVE
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, (ABOVE, ABOVE))


def _spoil(seeds: Path, case: Path, dice: random.Random, mutated: object) -> None:
    shutil.copytree(seeds, case)
    files = sorted(p for p in case.rglob("*") if p.is_file())
    for path in dice.sample(files, min(len(files), dice.choice((1, 1, 1, 2, 3)))):
        path.write_bytes(mutated(path.read_bytes(), path.suffix, dice, dice.choice(files).read_bytes()))  # type: ignore[operator]


def _verdict(case: Path, reader: object) -> str:
    """What a reader did wrong with a case; empty where nothing."""
    from intarsia.errors import IntarsiaError

    before = _state(case)
    out = case / "out"
    out.mkdir()
    signal.signal(signal.SIGPROF, _late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor: other programs may run beside
    faulthandler.dump_traceback_later(12 * SECONDS, exit=True)
    what = ""
    try:
        reader(case / "in", out)  # type: ignore[operator]
    except IntarsiaError as error:
        try:
            str(error).encode()
        except UnicodeError:
            what = "a sentence that cannot be printed"
        what = what or ("a sentence of " + str(len(str(error))) + " letters" if len(str(error)) > 20_000 else "")
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = next((f for f in reversed(traceback.extract_tb(error.__traceback__)) if "intarsia" in f.filename), last)
        what = f"{type(error).__name__}: {str(error)[:200]} at {Path(ours.filename).name}:{ours.lineno} ({Path(last.filename).name}:{last.lineno})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
    shutil.rmtree(out, ignore_errors=True)
    if not what and _state(case) != before:
        what = "a file outside of the output was written or changed"
    return what


def _late(*_: object) -> None:
    raise TimeoutError(f"took more than {SECONDS} seconds")


def _state(case: Path) -> dict[str, bytes]:
    return {str(p.relative_to(case)): p.read_bytes() if p.is_file() else b"" for p in case.rglob("*")}


def _keep(folder: Path, kind: str) -> None:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    content = b"".join(p.read_bytes() for p in files)
    path = CORPUS / f"{kind}-{hashlib.sha256(content).hexdigest()[:10]}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(str(file.relative_to(folder))), file.read_bytes(), zipfile.ZIP_DEFLATED)
    if path.stat().st_size > KEPT:
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
