"""Files and requests that nobody would write, made from good ones: see ``__main__``."""
