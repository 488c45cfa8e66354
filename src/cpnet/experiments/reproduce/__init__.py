"""One command for each table and figure of the poster: ``cpnet reproduce``.

registry.py      the experiments by name
poster.py        what the poster printed
budgets.py       how much is spent: networks, clips, epochs
grids.py         words: variants of a network, looks at them, cells of a table
ablations.py, comparisons.py    the grids of what is trained on videos
trained.py, toy_runs.py, runtime.py, proposals.py    how experiments are performed
outcomes.py      what came out; results.py and tables.py write it, pictures.py draws it
listing.py       which of them have been performed
"""
