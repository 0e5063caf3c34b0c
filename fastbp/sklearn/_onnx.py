"""Export to ONNX: skl2onnx's own converters of scikit-learn's MLP, registered for these estimators."""

from __future__ import annotations

from typing import Any


def register_onnx() -> None:
    """Teach skl2onnx to convert `MLPClassifier` and `MLPRegressor`; ``skl2onnx.to_onnx(model, X[:1])`` does the rest.

    Raises
    ------
    ImportError
        skl2onnx is not installed.
    NotImplementedError
        Later, from the conversion, for activations and outputs that skl2onnx does not know; ``fastbp.save`` keeps them.
    """
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    from skl2onnx.operator_converters.multilayer_perceptron import (
        convert_sklearn_mlp_classifier,
        convert_sklearn_mlp_regressor,
    )

    from fastbp.sklearn import MLPClassifier, MLPRegressor

    def checked(converter: Any) -> Any:
        def convert(scope: Any, operator: Any, container: Any) -> None:
            model = operator.raw_operator
            known = ("identity", "tanh", "logistic", "relu", "softmax")
            if model.activation not in known or model.out_activation_ not in known:
                raise NotImplementedError(
                    f"The activations are {model.activation!r} and {model.out_activation_!r}; skl2onnx knows "
                    f"{', '.join(known)}, one for all hidden layers. Use to_network() and fastbp.save."
                )
            if converter is convert_sklearn_mlp_regressor and model.n_outputs_ > 1:
                raise NotImplementedError(
                    f"There are {model.n_outputs_} outputs; skl2onnx's converter gives one. Convert one net for each."
                )
            converter(scope, operator, container)

        return convert

    update_registered_converter(
        MLPClassifier,
        "FastbpMLPClassifier",
        calculate_linear_classifier_output_shapes,
        checked(convert_sklearn_mlp_classifier),
        options={"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]},
    )
    update_registered_converter(
        MLPRegressor,
        "FastbpMLPRegressor",
        calculate_linear_regressor_output_shapes,
        checked(convert_sklearn_mlp_regressor),
    )
