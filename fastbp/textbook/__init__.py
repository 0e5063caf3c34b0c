"""The independent reference: every equation as one short loop over one sample, in the letters of the notes.

``notes`` has the equations of the notes, ``extensions`` what goes beyond them, ``tangents`` their derivatives along a
vector, ``matrices`` the matrix forms; ``composed`` puts the loops together.
"""

from fastbp.textbook.composed import Gradient, Trace, backprop, feedforward, gradient, minibatch_gradient
from fastbp.textbook.extensions import (
    binary_cross_entropy,
    categorical_cross_entropy,
    output_slopes,
    penalty_gradient,
    poisson,
    sample_cost,
    softmax,
    update_adagrad,
    update_adam,
    update_decay,
    update_momentum,
    update_rmsprop,
)
from fastbp.textbook.matrices import (
    hidden_error_matrix,
    output_error_matrix,
    weight_gradient_matrix,
    weighted_input_matrix,
)
from fastbp.textbook.notes import (
    activation,
    bias_gradient,
    cost_slope,
    hidden_error,
    hidden_error_by_links,
    link_1,
    link_2,
    links,
    output_error,
    quadratic,
    update_sgd,
    weight_gradient,
    weighted_input,
)
from fastbp.textbook.tangents import (
    moving_activation,
    moving_hidden_error,
    moving_input,
    moving_output_error,
    moving_sum,
    moving_weight_gradient,
)

__all__ = [
    "Gradient",
    "Trace",
    "activation",
    "backprop",
    "bias_gradient",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "cost_slope",
    "feedforward",
    "gradient",
    "hidden_error",
    "hidden_error_by_links",
    "hidden_error_matrix",
    "link_1",
    "link_2",
    "links",
    "minibatch_gradient",
    "moving_activation",
    "moving_hidden_error",
    "moving_input",
    "moving_output_error",
    "moving_sum",
    "moving_weight_gradient",
    "output_error",
    "output_error_matrix",
    "output_slopes",
    "penalty_gradient",
    "poisson",
    "quadratic",
    "sample_cost",
    "softmax",
    "update_adagrad",
    "update_adam",
    "update_decay",
    "update_momentum",
    "update_rmsprop",
    "update_sgd",
    "weight_gradient",
    "weight_gradient_matrix",
    "weighted_input",
    "weighted_input_matrix",
]
