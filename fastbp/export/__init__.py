"""Models as what other programs run: a scikit-learn ``Pipeline``, or an ONNX graph of standard operators."""

from fastbp.export.graph import to_onnx
from fastbp.export.pipeline import to_pipeline

__all__ = ["to_onnx", "to_pipeline"]
