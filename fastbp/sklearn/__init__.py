"""scikit-learn's multilayer perceptrons on fastbp's kernels: change the import, keep the code.

``from fastbp.sklearn import MLPClassifier, MLPRegressor``. The only room of fastbp that imports scikit-learn.
"""

from __future__ import annotations

try:
    import sklearn as _sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "fastbp.sklearn needs scikit-learn, which is not installed. Run: pip install 'fastbp[sklearn]'."
    ) from error

from fastbp.sklearn._classifier import MLPClassifier
from fastbp.sklearn._onnx import register_onnx
from fastbp.sklearn._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "register_onnx"]
