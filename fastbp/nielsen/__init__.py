"""The API of Michael Nielsen's book, in Python 3 and on compiled kernels: ``network``, ``network2``, ``mnist_loader``.

Class, function and argument names, shapes and conventions are the book's; the code is not. A subclass that overrides
``backprop``, or a user's own cost class, runs the book's way: one sample after another, through the methods it defines.
"""
