"""The page and its HTTP interface: upload a clip, see what it shows and what was matched with what.

The way of a request: guard (limits) -> uploads (temporary file) -> service (decode in a few
threads, network in one) -> answers (JSON).
"""
