"""What the docstrings of both estimators say alike."""

from __future__ import annotations

import inspect
from typing import Any

from fastbp.checks import HIDDEN

PARAMETERS = """\
hidden_layer_sizes : array-like of int, default=(100,)
    Neurons of each hidden layer; one number for one layer, ``()`` for none.
activation : str or sequence of str, default='relu'
    Of the hidden layers, one for all, or one for each: scikit-learn's identity, logistic, tanh, relu, or fastbp's
    {activations}.
solver : {'lbfgs', 'sgd', 'adam', 'adamw', 'rmsprop', 'adagrad'}, default='adam'
    ``lbfgs`` is SciPy's L-BFGS-B on the kernels' gradient; the others train on minibatches in the kernels. The last
    three are PyTorch's, with ``beta_1``, ``beta_2`` (rmsprop's alpha) and ``epsilon``.
alpha : float, default=0.0001
    Strength of the L2 penalty ``alpha / 2 sum w^2``, divided by the sum of the sample weights of each minibatch.
batch_size : int or 'auto', default='auto'
    Samples of a minibatch; 'auto' is ``min(200, n_samples)``.
learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
    Of ``sgd``: constant; ``learning_rate_init / (t_ + 1) ** power_t`` after each epoch; or divided by 5 whenever
    training stalls.
learning_rate_init : float, default=0.001
    Step size of every solver but ``lbfgs``.
power_t : float, default=0.5
    Exponent of 'invscaling'.
max_iter : int, default=200
    Epochs, or iterations of ``lbfgs``.
shuffle : bool, default=True
    Whether each epoch visits the samples in a new order.
random_state : int, RandomState instance or None, default=None
    Of initial weights, held-out samples and order.
tol : float, default=1e-4
    Least improvement of the loss, or of the validation score, that counts; the gradient's bound of ``lbfgs``.
verbose : bool, default=False
    Print the loss of each iteration.
warm_start : bool, default=False
    Whether ``fit`` begins with the weights it finds.
momentum : float, default=0.9
    Of ``sgd``, in [0, 1].
nesterovs_momentum : bool, default=True
    Whether ``sgd`` looks ahead along the momentum.
early_stopping : bool, default=False
    Whether to hold out a part of the samples, to stop when their score no longer improves, and to return to the
    weights that scored best.
validation_fraction : float, default=0.1
    Part of the samples that early stopping holds out.
beta_1, beta_2 : float, default=0.9, 0.999
    Decay of ``adam``'s means of g and g^2, in [0, 1).
epsilon : float, default=1e-8
    Added to the root of ``adam``'s mean of g^2.
n_iter_no_change : int, default=10
    Epochs without improvement after which training ends.
max_fun : int, default=15000
    Evaluations that ``lbfgs`` may make.
n_threads : int or None, default=None
    Threads; None chooses from the machine and the work. The result does not depend on it.
l1 : float, default=0.0
    Strength of the penalty ``l1 sum |w|``, divided as that of ``alpha``.
weight_decay : float, default=0.0
    Of every solver but ``lbfgs``: before each step w <- w - eta weight_decay w, biases too.
schedule : str, function, fastbp.schedules object or None, default=None
    Factor on ``learning_rate_init``: ``"cosine"``, ``"step"``, ``"exponential"``, ``"warmup"``, ``"plateau"``, an
    object with its numbers, or a function of (epochs done, max_iter).
init : str or None, default=None
    In place of scikit-learn's draws: ``"glorot_uniform"``, ``"he_normal"`` or another of
    `fastbp.initializers.INITIALIZERS`, with ``random_state`` as its seed.
scoring : str, callable or None, default=None
    What early stopping watches: a scorer's name or a scorer, ``"loss"``, or, if None, accuracy or R2 as in
    scikit-learn.
callbacks : function or list of functions, default=None
    Called as ``f(estimator)`` after each epoch; training ends when one returns True.
dropout : float, default=0.0
    Part of the hidden neurons left out of each sample of a minibatch, in [0, 1). Which ones depends on
    ``random_state`` only. Not with ``lbfgs``.
clip_norm : float or None, default=None
    Longest gradient, over all parameters and penalty included, that is not scaled to this length. Not with
    ``lbfgs``.
checkpoint : fastbp.Checkpoint or None, default=None
    File in which `fit` keeps its state, and from which it goes on after its process was killed, with the same data,
    parameters and ``random_state``. Not with ``lbfgs`` or ``warm_start``.
"""

ATTRIBUTES = """\
coefs_ : list of numpy.ndarray, shapes (n_in, n_out)
    Weights of layers 1..L: views of the network's parameters. Arrays assigned in their place take effect.
intercepts_ : list of numpy.ndarray, shapes (n_out,)
    Biases, likewise.
loss_ : float
    Loss of the last epoch: the mean over its minibatches before each update, penalty included.
loss_curve_ : list of float
    Of each epoch; not with ``lbfgs``.
best_loss_ : float or None
    Least loss; None with early stopping.
validation_scores_ : list of float or None
    On the held-out samples, by ``scoring`` (else accuracy or R2); None without early stopping.
validation_loss_curve_ : list of float or None
    Loss on the same samples, without penalty.
best_validation_score_ : float or None
    The best of them.
n_iter_, t_ : int
    Epochs of the last fit, and samples seen.
n_layers_, n_outputs_ : int
    Layers, the input's included, and neurons of the last.
n_features_in_ : int
    Features seen in fit.
feature_names_in_ : numpy.ndarray, shape (n_features,)
    Their names, where X has names that are strings.
out_activation_ : str
    Activation of the last layer.
"""


OWN = ", ".join(name for name in HIDDEN if name not in ("identity", "sigmoid", "tanh", "relu"))
"""Activations that scikit-learn does not have."""


def described(kind: Any) -> Any:
    """The class, with the shared parts in the place of their names in its docstring."""
    if kind.__doc__ is not None:  # python -OO
        text = inspect.cleandoc(kind.__doc__)
        text = text.replace("{shared parameters}\n", PARAMETERS).replace("{activations}", OWN)
        kind.__doc__ = text.replace("{shared attributes}\n", ATTRIBUTES)
    return kind
