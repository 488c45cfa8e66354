"""What an evaluation found: figures with intervals, tables, files, the HTML page, comparisons."""
