"""Put evaluated runs side by side: what each is, how well it did, how certain the difference is."""

import argparse

from motionlens._utils.numbers import counted
from motionlens._utils.tables import Output, console_table
from motionlens.report.compare import as_json, as_markdown, columns, compare_runs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="run folders evaluated by 'motionlens evaluate'; each is compared with the first",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per run")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")


def run(args: argparse.Namespace) -> int:
    """Compare and print."""
    if args.json and args.markdown:
        raise ValueError("json and markdown exclude each other; give one")
    found = compare_runs(args.runs)
    if args.json or args.markdown:
        print(as_json(found) if args.json else as_markdown(found), end="")
        return 0
    title = counted(found[0].num_videos, "video")
    Output().print(console_table(*columns(found), title=title, left=(0, 1)))
    print("Ranges are 95 % intervals over the videos; another seed may differ by more.")
    return 0
