"""Put evaluated runs side by side: what each is, how well it did, how sure the difference is."""

from __future__ import annotations

from typing import Any

from motionlens.cli._arguments import output


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="run folders that 'motionlens evaluate' has been through; the first is compared with",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a run")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")


def run(args: Any) -> int:
    """Compare and print."""
    from motionlens.report.compare import as_json, as_markdown, columns, compare_runs

    if args.json and args.markdown:
        raise ValueError("json and markdown exclude each other; give one")
    found = compare_runs(args.runs)
    if args.json or args.markdown:
        print(as_json(found) if args.json else as_markdown(found), end="")
        return 0
    from rich.table import Table

    heads, rows = columns(found)
    table = Table(title=f"{found[0].num_videos} videos", title_justify="left")
    for number, head in enumerate(heads):
        table.add_column(
            head, justify="left" if number < 2 else "right", overflow="fold", no_wrap=number > 0
        )
    for row in rows:
        table.add_row(*row)
    console = output()
    console.print(table)
    console.print("Ranges hold 95 %, of the same videos drawn anew; other seeds may vary more.")
    return 0
