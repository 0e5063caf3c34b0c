"""Export to ONNX: skl2onnx's own converters of scikit-learn's MLP, registered for these estimators."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sklearn.base import is_classifier

from fastbp.sklearn._classifier import MLPClassifier
from fastbp.sklearn._convert import their_name
from fastbp.sklearn._regressor import MLPRegressor

KNOWN = {"identity", "tanh", "logistic", "relu", "softmax"}
"""Activations of skl2onnx's converters."""


def _compare_in_float64(scope: Any, container: Any, first: int) -> None:
    """Of the nodes from ``first`` on, make a Binarizer, which onnxruntime lacks in float64, a comparison and a cast."""
    from onnx import TensorProto

    for node in container.nodes[first:]:
        if node.op_type == "Binarizer":
            half = scope.get_unique_variable_name("half")
            container.add_initializer(half, TensorProto.DOUBLE, [], [0.5])
            node.op_type, node.domain = "Greater", ""
            node.input.append(half)
            del node.attribute[:]


def register_onnx() -> None:
    """Teach skl2onnx to convert `MLPClassifier` and `MLPRegressor`; ``skl2onnx.to_onnx(model, X[:1])`` does the rest.

    Raises
    ------
    ImportError
        skl2onnx is not installed.
    NotImplementedError
        Later, from the conversion, for activations and outputs that skl2onnx does not know; ``fastbp.save`` keeps them.
    """
    from onnx import TensorProto
    from skl2onnx import update_registered_converter
    from skl2onnx.common._apply_operation import apply_cast
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, guess_proto_type
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    from skl2onnx.operator_converters.multilayer_perceptron import (
        convert_sklearn_mlp_classifier,
        convert_sklearn_mlp_regressor,
    )

    def is_zipped(options: Any, model: Any) -> bool:
        """Whether a ZipMap, which takes float32 only, comes after the classifier."""
        return is_classifier(model) and options.get_options(model, {"zipmap": True})["zipmap"] is True

    def classifier_shapes(operator: Any) -> None:
        calculate_linear_classifier_output_shapes(operator)
        probabilities = operator.outputs[1]
        if isinstance(probabilities.type, DoubleTensorType) and is_zipped(operator.scope_inst, operator.raw_operator):
            probabilities.set_type(FloatTensorType(probabilities.type.shape))

    def checked(converter: Any) -> Any:
        def convert(scope: Any, operator: Any, container: Any) -> None:
            model = operator.raw_operator
            hidden = set(map(their_name, model._hidden_activations(model.n_layers_ - 2))) or {"identity"}
            output = their_name(model.out_activation_)
            if len(hidden) > 1 or not hidden | {output} <= KNOWN:
                raise NotImplementedError(
                    f"The activations are {model.activation!r} and {model.out_activation_!r}; skl2onnx knows "
                    f"{', '.join(sorted(KNOWN))}, one for all hidden layers. Use to_network() and fastbp.save."
                )
            if converter is convert_sklearn_mlp_regressor and model.n_outputs_ > 1:
                raise NotImplementedError(
                    f"There are {model.n_outputs_} outputs; skl2onnx's converter gives one. Convert one net for each."
                )
            plain = SimpleNamespace(
                raw_operator=SimpleNamespace(
                    **{name: getattr(model, name) for name in ("n_layers_", "coefs_", "intercepts_")},
                    **{name: getattr(model, name, None) for name in ("classes_", "_label_binarizer")},
                    activation=hidden.pop(),
                    out_activation_=output,
                ),
                inputs=operator.inputs,
                outputs=list(operator.outputs),
                output_full_names=operator.output_full_names,
            )
            wide = guess_proto_type(operator.inputs[0].type) == TensorProto.DOUBLE
            name = scope.get_unique_variable_name("wide_probabilities")
            zipped = wide and is_zipped(container, model)
            if zipped:
                plain.outputs[1] = SimpleNamespace(full_name=name)
            first = len(container.nodes)
            converter(scope, plain, container)
            if wide:
                _compare_in_float64(scope, container, first)
            if zipped:
                apply_cast(scope, name, operator.outputs[1].full_name, container, to=TensorProto.FLOAT)

        return convert

    update_registered_converter(
        MLPClassifier,
        "FastbpMLPClassifier",
        classifier_shapes,
        checked(convert_sklearn_mlp_classifier),
        options={"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]},
    )
    update_registered_converter(
        MLPRegressor,
        "FastbpMLPRegressor",
        calculate_linear_regressor_output_shapes,
        checked(convert_sklearn_mlp_regressor),
    )
