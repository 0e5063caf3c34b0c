"""The shapes that people's backpropagations have, and how each is called as ``mine(w, b, x, y)``."""
