"""Which videos there are and what they show: folders, lists, prepared sets, public data sets."""
