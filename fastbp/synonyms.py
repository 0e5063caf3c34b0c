"""What other libraries, and the book, call things: accepted where it means exactly the same, else answered.

Names of activations mean the same function everywhere, and are accepted. Costs differ in a half or in what they take
the mean of, optimizers in their numbers, and each argument and method has one name here: these are answered with the
way to write it.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, ParamSpec, Self, TypeVar

from fastbp.functions import activations, costs

P = ParamSpec("P")
R = TypeVar("R")


def _by_name(answers: Mapping[str, str]) -> dict[str, str]:
    """Answer -> names becomes name -> answer."""
    return {name: answer for answer, names in answers.items() for name in names.split()}


ACTIVATIONS = {other: entry.name for entry in activations.ACTIVATIONS for other in entry.also}
"""Other names of the same functions."""

NO_ACTIVATIONS = _by_name(
    {
        "Pass 'identity' where there is none.": "none no null",
        "Its slope is 0 wherever it has one, so that nothing is learned through it; 'sigmoid' is its smooth form.": (
            "step heaviside sign perceptron threshold"
        ),
    }
)
"""What is no activation here -> what to do."""

INITIALIZERS = _by_name(
    {
        "Pass init='glorot_uniform' or init='glorot_normal'.": "glorot xavier xavier_uniform xavier_normal",
        "Pass init='he_uniform' or init='he_normal'.": "he kaiming kaiming_uniform kaiming_normal",
        "Pass init='lecun_uniform' or init='lecun_normal'.": "lecun",
        "Pass init='nielsen_large' for N(0, 1), or init='nielsen' for N(0, 1 / n_in).": (
            "normal random random_normal randn gaussian uniform random_uniform"
        ),
        "From equal weights all neurons of a layer learn the same; assign net.w[l][...] if you want that.": (
            "zeros zero ones constant"
        ),
    }
)
"""Likewise of initial weights, which are answered: the same name stands for different variances elsewhere."""

COSTS = {name: entry.answer for entry in costs.COSTS for name in entry.elsewhere.split()}
"""Name of a cost elsewhere, in small letters -> how to write it. In all answers, {} is the value that was given."""

_SEED = {"Pass seed={}.": "random_state random_seed rng"}
_STEP = {
    "Pass learning_rate={}.": "lr eta learning_rate_init step_size",
    "Pass beta_1={}.": "beta1",
    "Pass beta_2={}.": "beta2",
    "Pass beta_1 and beta_2.": "betas",
    "Pass epsilon={}.": "eps",
    "Pass momentum={}.": "mu",
    "Pass nesterov={}.": "nesterovs_momentum",
    "Pass rho={}, of RMSprop.": "alpha",
    "Pass weight_decay={}.": "decay",
}
OPTIMIZERS = _by_name(
    {
        "Pass optimizer=fastbp.SGD(learning_rate=0.1, momentum=0.9), say.": "momentum heavy_ball heavyball sgdm",
        "Pass optimizer=fastbp.SGD(learning_rate=0.1, momentum=0.9, nesterov=True), say.": "nesterov nag",
        "Pass optimizer=fastbp.LBFGS().": "lbfgs l-bfgs l_bfgs bfgs l-bfgs-b",
    }
)
"""Optimizers elsewhere that are no class here -> how to write it."""

OPTIMIZER = _by_name(_STEP)
"""Arguments of optimizers elsewhere -> what to do."""

LBFGS = _by_name(
    {
        "It finds the length of its steps itself. Leave it out.": "learning_rate lr eta learning_rate_init step_size",
        "Pass tol={}.": "gtol pgtol tolerance_grad tolerance",
        "Pass memory={}.": "m maxcor history_size",
        "Pass max_evaluations={}.": "maxfun max_fun max_eval",
        "Pass epochs={} to fastbp.train: an epoch is an iteration.": "max_iter maxiter epochs n_iter",
    }
)
"""Likewise of L-BFGS."""

NETWORK = _by_name(
    {
        "Pass activations={}, or one name for each of layers 1..L.": "activation act hidden_activation nonlinearity",
        "Pass activations=[...], one name for each of layers 1..L.": "output_activation out_activation",
        "Pass the neurons of all layers, of input and output too: fastbp.Network([784, 30, 10]).": (
            "hidden hidden_sizes hidden_layers hidden_layer_sizes layers layer_sizes units n_hidden neurons"
        ),
        "Pass cost={}.": "loss loss_function criterion",
        "Pass cost_parameter={}.": "loss_parameter huber_delta delta quantile tau power",
        "Pass init={}.": "initializer weight_init kernel_initializer weights",
        "It belongs to training. Call fastbp.train(net, X, Y, ...) with it.": (
            "optimizer solver lr eta learning_rate epochs batch_size batch momentum l1 l2 dropout clip_norm"
        ),
        "Every layer has biases; fill net.b[l] with zeros if you want none at the start.": "bias use_bias biases",
    }
    | _SEED
)
"""Likewise of networks."""

VALUES = {"Pass cost={}.": COSTS, "Pass init={}.": INITIALIZERS}
"""Answer to the name of an argument -> the answers to its values that are names elsewhere too."""

MODEL = _by_name(
    {
        "Call model.train(X, Y, ...).": "fit partial_fit",
        "Call model.evaluate(X, Y).": "score test",
        "Call model.feedforward(X).": "predict_proba forward decision_function",
        "Call fastbp.save(model, path) and fastbp.load(path).": "load dump",
    }
)
"""Attributes of models elsewhere -> how to write it."""

TRAIN = _by_name(
    {
        "It belongs to the optimizer. Pass optimizer=fastbp.SGD(learning_rate={}), say.": (
            "learning_rate lr eta learning_rate_init step_size"
        ),
        "It belongs to the optimizer. Pass optimizer=fastbp.SGD(0.1, ...) or fastbp.Adam(...) with it.": (
            "momentum mu nesterov beta_1 beta_2 betas rho epsilon eps weight_decay decay"
        ),
        "Pass optimizer=fastbp.SGD(0.1) or fastbp.Adam(), say.": "solver optim optimiser",
        "Pass batch_size={}.": "batch batchsize mini_batch_size minibatch_size minibatch mini_batch batches",
        "Pass epochs={}.": "epoch n_epochs num_epochs nb_epoch max_iter n_iter",
        "Pass l2={}, of l2/2 sum w^2, if it means that.": "alpha lmbda lambda_ reg regularization",
        "Pass validation=(X_val, Y_val).": (
            "validation_data validation_split validation_fraction val_data eval_set evaluation_data test_data X_val "
            "Y_val y_val"
        ),
        "Pass sample_weight, a number for each sample.": "weights sample_weights",
        "Pass class_weight={}.": "class_weights",
        "Pass output_weight={}, a number for each output.": "output_weights loss_weights target_weight task_weights",
        "Pass missing_targets='ignore', with NaN for every target that is missing.": "mask target_mask ignore_nan",
        "Pass progress=True.": "verbose",
        "Pass callbacks=[{}].": "callback",
        "Pass early_stopping=fastbp.EarlyStopping(patience=10), say.": "patience n_iter_no_change tol",
        "Pass schedule=fastbp.schedules.Cosine(), say.": "scheduler lr_schedule lr_scheduler",
        "Pass n_threads={}.": "n_jobs threads num_threads n_workers",
        "It belongs to the network: fastbp.Network(sizes, activations=..., cost=...).": (
            "cost loss activation activations"
        ),
        "The history has loss and, of classes, accuracy; a callback may add others.": "metrics",
        "Pass dropout={}, the part of the hidden neurons to leave out, or one number for each hidden layer.": (
            "dropout_rate drop_rate dropout_p p_dropout"
        ),
        "Pass clip_norm={}, the length of the longest gradient that is not scaled down.": (
            "clip clipnorm global_clipnorm max_norm max_grad_norm gradient_clip_val gradient_clipping"
        ),
        "Pass frozen={}: layers, or a pair of masks for each layer.": "freeze frozen_layers trainable mask",
        "Pass layer_rates, a factor on the learning rate for each layer.": (
            "layer_lr lr_multipliers learning_rate_multipliers param_groups"
        ),
        "Pass the samples as X.": "x",
        "Pass the targets as Y.": "y targets labels",
    }
    | _SEED
)
"""Likewise of train."""

EARLY_STOPPING = _by_name(
    {
        "Pass patience={}.": "n_iter_no_change",
        "Pass min_delta={}.": "tol delta",
        "Pass monitor={}.": "metric quantity",
        "Pass restore_best={}.": "restore_best_weights",
    }
)
"""Likewise of EarlyStopping."""

ATTRIBUTES = _by_name(
    {
        "Training is a function: fastbp.train(net, X, Y, ...).": (
            "fit train SGD partial_fit learn train_on_batch compile update_mini_batch optimizer learning_rate lr step"
        ),
        'A function writes model files: fastbp.save(net, "net.fastbp").': "save dump save_weights",
        'A function reads model files: net = fastbp.load("net.fastbp").': "load load_weights",
        "They are net.w[l] and net.b[l] of layers l = 1..L, as in the notes, and all in one vector net.theta.": (
            "weights biases weight bias coefs_ intercepts_ W B params get_params get_weights state_dict"
        ),
        "Assign net.w and net.b one array for each layer, or use net.set_parameters.": "set_weights load_state_dict",
        "Call net.feedforward(X).": "forward predict_proba call outputs feed_forward decision_function",
        "Call net.backprop(X, Y), which returns z, a and delta of each layer.": "z a delta zs nabla_w nabla_b",
        "print(net) shows its layers; see also net.sizes, net.activations and net.n_parameters.": "summary",
        "See net.n_parameters.": "num_params num_parameters count_params n_params",
        "See net.cost; net.evaluate(X, Y) measures it.": "cost_function loss_function criterion loss_",
        "Call net.backprop(X, Y).": "backward backpropagate backpropagation",
        "Call net.gradient(X, Y).": "grad grads gradients",
        "Call net.evaluate(X, Y).": "score accuracy loss test",
        "Call net.predict(X).": "predict_classes classify",
        "See net.sizes and net.L.": "layers n_layers n_layers_ num_layers layer_sizes",
        "See net.activations.": "activation",
        "See net.meta.": "classes_ classes",
        "fastbp.train returns a run, whose history it is.": "history history_ loss_curve_",
        "Call net.input_jacobian(X) or net.parameter_jacobian(X).": "jacobian",
        "Call net.copy().": "clone",
    }
)
"""Attributes that a Network does not have -> where to find what is looked for."""


def unknown_argument(what: str, name: str, value: Any, known: Iterable[str], answers: Mapping[str, str]) -> TypeError:
    """The exception for an argument that a function does not have."""
    known = tuple(known)
    near = get_close_matches(name.lower(), known, 1)
    otherwise = f"Did you mean {near[0]}?" if near else f"It takes {', '.join(known)}."
    shown = reprlib.repr(value)
    answer = answers.get(name, otherwise)
    if isinstance(value, str):  # 'mse' would be refused as a cost too: its own answer saves the second try
        answer = VALUES.get(answer, {}).get(value.lower(), answer)
    return TypeError(f"{what} has no argument {name}, which was given as {shown}. {answer.format(shown)}")


class Answering:
    """Base of data classes that answer arguments by other names."""

    _answers: ClassVar[Mapping[str, str]] = {}

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make one, unless an argument has another library's name: that is answered."""
        if kwargs:
            known = [part.name for part in dataclasses.fields(cls)]  # type: ignore[arg-type]
            for name, value in kwargs.items():
                if name not in known:
                    raise unknown_argument(cls.__name__, name, value, known, cls._answers)
        return super().__new__(cls)


def answering(
    what: str, answers: Mapping[str, str], beyond: Callable[[Sequence[Any]], str]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorator of a function that answers arguments by other names, and more of them by position than it takes.

    Parameters
    ----------
    what : str
        What messages call the function.
    answers : mapping
        Name of an argument elsewhere -> what to do here.
    beyond : function
        What to do with these arguments by position.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters
        n_positional = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters.values())
        takes = [name for name in parameters if name != "self"]

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for name, value in kwargs.items():
                if name not in parameters:
                    raise unknown_argument(what, name, value, takes, answers)
            if len(args) > n_positional:
                given = args[len(parameters) - len(takes) :]
                raise TypeError(f"{what} was given {len(given)} arguments by position. {beyond(given)}")
            return function(*args, **kwargs)

        return call

    return decorate


def sizes_by_position(given: Sequence[Any]) -> str:
    """What to do with more than one argument by position of `Network`."""
    if isinstance(given[0], Sequence):
        first = f"{reprlib.repr(given[0])}, activations={reprlib.repr(given[1])}"
    else:
        first = reprlib.repr(list(given))
    return f"It takes one, the list of its layers' neurons, and all else by name. Pass fastbp.Network({first}), say."
