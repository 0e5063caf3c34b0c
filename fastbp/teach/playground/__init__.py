"""The playground: a page where every number of a network can be changed, and every equation watched.

The page is one HTML file made of the files of this folder: plain JavaScript modules, put one after another into one
script. It computes by itself, in float64, with the bits of the plain-Python textbook.
"""

from __future__ import annotations

from fastbp.teach.playground.play import Playground, play, playground

__all__ = ["Playground", "play", "playground"]
