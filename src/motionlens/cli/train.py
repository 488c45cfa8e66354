"""Train a recognizer. Fields of the recipe are set by --config FILE, then by options."""

import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ArgumentError, ArgumentParser

from motionlens._utils.errors import parser_message
from motionlens._utils.launch import is_first_process, launched
from motionlens._utils.numbers import percent
from motionlens._utils.tables import Output
from motionlens.cli.main import Parser, usage_error
from motionlens.datasets.source import RECIPE_FILE
from motionlens.training.recipe import Recipe
from motionlens.training.recipe_files import read_recipe_file
from motionlens.training.run_folder import (
    CHECKPOINT,
    begun_folds,
    can_resume,
    check_checkpoint_exists,
    check_run,
    free_run_folder,
)
from motionlens.training.typed_fields import from_mappings


def _add_arguments(parser: Any) -> None:
    """Add the options of a recipe and of a run."""
    parser.add_argument("--config", action="config", help="recipe in YAML")
    parser.add_argument(
        "--resume",
        nargs="?",
        const=True,
        default=False,
        type=Literal["auto", True, False],
        metavar="auto",
        help="go on with the run in --out from its last checkpoint; its recipe is the starting "
        "point if no --config is given. '--resume auto' starts anew where there is none",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="remove a run that --out holds already"
    )
    parser.add_argument(
        "--folds",
        type=int,
        help="cross-validation: divide the videos into so many folds, train once per fold in "
        "--out/fold1, fold2, ..., and print the mean; --listing.group keeps a person in one fold",
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_class_arguments(Recipe)


def parse(arguments: list[str], about: dict[str, Any]) -> Any:
    """Parse after a check of the recipe files' keys, with the run's own recipe if it is resumed."""
    parser = ArgumentParser(**about, exit_on_error=False)
    _add_arguments(parser)
    early = Parser(prog=about["prog"], add_help=False, allow_abbrev=False)
    early.add_argument("--config", action="append", default=[])
    early.add_argument("--out")
    early.add_argument("--data")
    early.add_argument("--resume", nargs="?", const=True)
    given, _ = early.parse_known_args(arguments)
    if given.resume not in (None, True, "auto"):
        raise ValueError(
            f"resume must be auto or stand alone, got {given.resume}; the run is named by --out"
        )
    arguments = _with_logger(arguments)
    found: dict[str, Any] = {}
    is_new = given.resume == "auto" and not (given.out and _is_begun(given.out))
    is_read = given.resume and given.out and not given.config and not is_new
    if is_read:
        if not begun_folds(Path(given.out)):
            check_checkpoint_exists(given.out)
        given.config = [str(Path(given.out) / RECIPE_FILE)]
        # Whoever resumes a stranger's run does not mean to run code that its recipe names.
        arguments = ["--config", given.config[0], "--log.logger", "null", *arguments]
    for path in given.config:
        found |= read_recipe_file(path)
    data = given.data or found.get("data")
    is_named = given.resume or given.out or found.get("out")
    # Processes that were started together must agree on one.
    if not is_named and not launched() and isinstance(data, str):
        arguments = [*arguments, "--out", str(free_run_folder(data))]
    try:
        args = parser.parse_args(arguments)
        if is_read and args.log.logger is None and (found.get("log") or {}).get("logger"):
            warnings.warn(
                "the logger of this run is left out; give --log.logger again to go on with it",
                UserWarning,
                stacklevel=2,
            )
        return args
    except ArgumentError as error:
        message = parser_message(error)
        if word := re.fullmatch(r"unrecognized arguments: ([^-\s]\S*)", message, re.IGNORECASE):
            message += f"; videos are named as --data {word[1]}"
        if missing := re.fullmatch(r"(the following arguments are required: )(.*)", message):
            options = ", ".join(f"--{name.lstrip('-')}" for name in missing[2].split(", "))
            message = missing[1] + options
        raise usage_error(message, parser) from None


def _is_begun(out: str) -> bool:
    """Whether a folder holds a run or folds to go on with."""
    return can_resume(out) or begun_folds(Path(out)) is not None


def _with_logger(arguments: list[str]) -> list[str]:
    """``--log.logger CLASS_PATH`` as the mapping to which ``--log.logger.init_args...`` adds."""
    found = list(arguments)
    for place, word in enumerate(arguments):
        option, equals, value = word.partition("=")
        at = place if equals else place + 1
        value = value if equals else "".join(arguments[at : at + 1])
        if option == "--log.logger" and re.fullmatch(r"[A-Za-z_][\w.]*", value) and value != "null":
            found[at] = f"{option}{equals}" * bool(equals) + json.dumps({"class_path": value})
    return found


def run(args: Any) -> int:
    """Train, then say where the run lies and what can be done with it."""
    recipe = from_mappings(Recipe, args.as_dict())
    if args.resume == "auto":
        args.resume = _is_begun(recipe.out)
    folds = args.folds or (begun_folds(Path(recipe.out)) if args.resume else None)
    if folds is not None:
        return _run_folds(recipe, folds, args)
    if is_first_process():
        check_run(recipe, resume=args.resume, overwrite=args.overwrite)
    # PyTorch and Lightning take seconds to load: mistakes are reported before.
    from motionlens.training.fit import fit

    try:
        result = fit(recipe, resume=args.resume, overwrite=args.overwrite, progress=not args.quiet)
    except (KeyboardInterrupt, SystemExit) as error:
        if is_first_process():
            print(_farewell(error, Path(recipe.out)), file=sys.stderr)
        raise
    if not args.quiet and is_first_process():
        print(_summary(result.metrics, result.history, recipe))
    return 0


def _farewell(error: BaseException, out: Path) -> str:
    """What ended the training, and how to go on."""
    what = "ended by SIGTERM" if isinstance(error, SystemExit) else "stopped"
    if (out / CHECKPOINT).exists() or begun_folds(out):
        together = ", in as many processes," if launched() else ""
        return f"motionlens: {what}; go on{together} with: motionlens train --out {out} --resume"
    return f"motionlens: {what}; there was no checkpoint yet, nothing is left of the run"


def _run_folds(recipe: Recipe, folds: int, args: Any) -> int:
    """Train once per fold, then print the table of the folds and their mean."""
    from motionlens.training.cross_validation import PAGE_FILE, cross_validate

    try:
        result = cross_validate(
            recipe,
            folds,
            resume=args.resume,
            overwrite=args.overwrite,
            progress=not args.quiet,
            say=(lambda line: None) if args.quiet else print,
        )
    except (KeyboardInterrupt, SystemExit) as error:
        print(_farewell(error, Path(recipe.out)), file=sys.stderr)
        raise
    if not args.quiet:
        Output().print_markdown(result.to_markdown())
        print(f"the table is in {Path(recipe.out) / PAGE_FILE}")
    return 0


def _summary(metrics: dict[str, float], history: list[dict[str, float]], recipe: Recipe) -> str:
    # Lightning takes seconds to load, for which the --help of this command would wait.
    from motionlens.training.epoch_recorder import better_epoch, figure_of

    kept = f"the weights of epoch {metrics['epoch']:.0f}"
    for name, words in (("validation_accuracy", "accuracy"), ("validation_map", "mAP")):
        if name in metrics:
            kept += f", validation {words} {percent(metrics[name])}"
            if recipe.keep == "best":
                kept += " (optimistic: the epoch was chosen for it)"
    better = better_epoch(history) if recipe.keep == "last" else None
    if better is not None:
        kept += (
            f"\nepoch {better['epoch']:.0f} was better on validation "
            f"({percent(figure_of(better) or 0)} against {percent(figure_of(metrics) or 0)}); "
            "--keep best keeps such an epoch"
        )
    return (
        f"{recipe.out} holds {kept}\n"
        f"next: motionlens evaluate {recipe.out}\n"
        f"      motionlens predict {recipe.out} VIDEO..."
    )
