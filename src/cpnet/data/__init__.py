"""The way of the data: video file, frames, clip, batch; each file is one step of it.

``video`` opens and decodes, ``sampling`` chooses frames, ``transforms`` makes clips of them,
``listing`` says which videos there are and ``dataset`` brings the four together. Import from
these modules: this one loads nothing.
"""
