"""What stands behind ``fastbp.read``.

``sources`` finds where features and targets stand, ``formats`` and ``tables`` take files apart, and ``targets`` tells
classes from numbers.
"""
