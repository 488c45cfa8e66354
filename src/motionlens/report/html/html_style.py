"""The look of the HTML report: one style sheet, for light and dark screens and for paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --pale: #5b6570; --ground: #ffffff;
  --panel: #f5f7f9; --line: #d9dfe5; --accent: 0, 114, 178; --warn: #b04a00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7ebef; --pale: #9aa5b1; --ground: #14181d; --panel: #1d232a; --line: #343d47;
    --accent: 86, 180, 233; --warn: #f0a35e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; color: var(--ink);
  background: var(--ground); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; line-height: 1.25; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; font-weight: 600; }
p { margin: .4rem 0; max-width: 48rem; }
.pale, caption, figcaption { color: var(--pale); font-size: .9rem; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 0; padding: 0; }
.figures div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem;
  padding: .7rem 1rem; min-width: 10rem; }
.figures dt { color: var(--pale); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.5rem; font-weight: 600; }
.figures dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--pale); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .4rem; }
th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { font-weight: 600; font-size: .85rem; color: var(--pale); }
tbody th { font-weight: 400; }
.number { text-align: right; white-space: nowrap; }
.bar { display: inline-block; width: 6rem; height: .6rem; border-radius: .3rem; margin-right: .5rem;
  background: var(--line); overflow: hidden; vertical-align: baseline; }
.part { display: inline-block; min-width: 4.2rem; }
.bar i { display: block; height: 100%; background: rgb(var(--accent)); }
.confusion td { text-align: center; min-width: 2.2rem; border: 1px solid var(--line); }
.confusion td.right { outline: 2px solid rgb(var(--accent)); outline-offset: -2px; }
.confusion thead th { text-align: center; }
.paper { background: #fff; border-radius: .5rem; padding: .5rem; }
.paper img { max-width: 100%; height: auto; display: block; }
figure { margin: 0 0 1rem; }
.strip img { display: block; max-width: 100%; border-radius: .25rem; }
.strip code, li code { overflow-wrap: anywhere; font-size: .85rem; }
.wrong { color: var(--warn); font-weight: 600; }
svg text { fill: var(--pale); font: 11px system-ui, sans-serif; }
@media print { body { max-width: none; } figure { break-inside: avoid; } }
"""
