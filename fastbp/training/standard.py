"""`train`: checks, and a run of the loop under the policy `Standard`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from fastbp import checks, synonyms
from fastbp.chunks import all_finite
from fastbp.errors import argument_error
from fastbp.network import Network, not_a_network, require_writable
from fastbp.runtime import pool
from fastbp.training import lbfgs
from fastbp.training.callbacks import Callback, as_callbacks
from fastbp.training.checkpoints import Checkpoint, Saving, check_checkpoint
from fastbp.training.class_weights import with_class_weight
from fastbp.training.continuing import check_going_on, check_totals, settings, with_settings_of_run
from fastbp.training.described import Described
from fastbp.training.dropout import check_dropout, mask_seeds, masks_from, no_masks
from fastbp.training.frozen import check_trained
from fastbp.training.history import Run
from fastbp.training.minibatches import check_batch_size, check_samples, check_validation, make_order
from fastbp.training.optimizers import LBFGS, SGD, Optimizer, as_optimizer
from fastbp.training.prepared import Prepared, run_at_once
from fastbp.training.progress import as_bars
from fastbp.training.schedules import Factors, ReduceOnPlateau
from fastbp.training.standard_policy import Standard, require_room
from fastbp.training.stopping import Best, EarlyStopping, require_measured
from fastbp.training.trainer import Trainer


@synonyms.answering(
    "train",
    synonyms.TRAIN,
    lambda _: (
        "It takes net, X and Y so, and all else by name: epochs=30, batch_size=10, optimizer=fastbp.SGD(3.0), say."
    ),
)
@run_at_once
@with_settings_of_run
def train(
    net: Network,
    X: Any,
    Y: Any,
    *,
    optimizer: Optimizer | LBFGS | None = None,
    epochs: int = 10,
    batch_size: int | Literal["auto"] | None = "auto",
    shuffle: bool | Callable[[int], Any] = True,
    seed: Any = None,
    sample_weight: Any = None,
    class_weight: Literal["balanced"] | Mapping[int, float] | None = None,
    output_weight: Any = None,
    missing_targets: Literal["ignore"] | None = None,
    validation: Any = None,
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    clip_norm: float | None = None,
    frozen: Collection[Any] | None = None,
    layer_rates: Sequence[float] | None = None,
    schedule: Callable[..., Any] | ReduceOnPlateau | None = None,
    early_stopping: EarlyStopping | None = None,
    n_threads: int | None = None,
    callbacks: Iterable[Callback | Callable[[Run], Any]] = (),
    progress: bool | Callback = False,
    continuing: Run | None = None,
    checkpoint: Checkpoint | None = None,
) -> Prepared:
    """Train a network in place by minibatch gradient descent (F1, F2, BP1 to BP4, U).

    The weights have the same bits for any number of threads. Ctrl-C ends the run within 0.1 s and one minibatch, at a
    minibatch boundary, and returns it with ``stopped="interrupted"``.

    Parameters
    ----------
    net : Network
        Its ``w`` and ``b`` are overwritten.
    X : array_like or SciPy sparse matrix, shape (n_samples, sizes[0])
        Not copied when already contiguous and of the net's dtype. Of a sparse one, in CSR form, only stored values are
        visited, and the weights have the bits that the dense array gives.
    Y : array_like
        Labels of shape (n_samples,), or outputs of shape (n_samples, sizes[-1]) that the output activation can reach.
        Where they are other numbers than 0 and 1, the net is a regression from then on (`Network.task`).
    optimizer : Optimizer or LBFGS, optional
        Default ``SGD()``. With `fastbp.LBFGS` an epoch is an iteration on all samples, and ``loss`` is what it leads
        to; what belongs to steps of minibatches is refused, and ``l1``.
    epochs : int
        Passes over the samples; 0 leaves the net as it is.
    batch_size : int, "auto" or None
        Samples of a minibatch; "auto" for 32, or all if there are fewer; None for all. The last minibatch of an epoch
        may be shorter: it is a mean over its own samples.
    shuffle : bool or function
        Whether each epoch visits the samples in a new order, or a function of the epoch, counted from 0, that returns
        the order as an index array.
    seed : int, numpy.random.Generator or None
        Of the order, and of dropout, for which one number is drawn before the first order.
    sample_weight : array_like, shape (n_samples,), optional
        s_x. A minibatch whose weights sum to zero is skipped.
    class_weight : "balanced" or mapping, optional
        Weights of labels, 1 for a label that is not named, by which the weights of their samples are multiplied.
        "balanced" gives each class of the samples the same share of the cost, whatever its number of samples; where
        they have weights, these are counted. Validation samples keep their own weights.
    output_weight : array_like, shape (sizes[-1],), optional
        u_j of ``C_x = sum_j u_j c(a_j, y_j)``; 1 if not given. Not of softmax. It counts for validation samples too.
    missing_targets : "ignore", optional
        NaN in Y, or in Y_val, is a target that is missing: it adds 0 to C_x, and its output has delta 0. The sample's
        weight counts all the same; accuracy is not counted. Default: NaN is refused. Not of softmax.
    validation : tuple, optional
        ``(X_val, Y_val)`` or ``(X_val, Y_val, sample_weight_val)``, evaluated after each epoch.
    l1, l2 : float
        Strengths of the penalties ``l1 sum |w| + l2/2 sum w^2``; biases are not penalised.
    dropout : float or sequence of float
        Part of the hidden neurons that each sample leaves out while the net is trained, or that part for each of layers
        1..L-1. What remains is divided by 1 - dropout, so that nothing changes for predictions. Which neurons these
        are is a function of seed, epoch, layer, the sample's place in the epoch, and neuron.
    clip_norm : float, optional
        Length of the longest gradient that is not scaled down: a minibatch's gradient of all weights and biases,
        penalties included, whose norm is larger is divided by as much as brings it to this length.
    frozen : collection, optional
        What keeps its bits: layers l, counted from L if negative, or a pair (mask of w, mask of b) for each of layers
        1..L, each True, False, or an array of bool of the shape of ``net.w[l]`` or ``net.b[l]``, True where a number
        is frozen. Frozen weights see neither decay nor penalty, but count in the penalty in C; ``clip_norm`` knows the
        gradient of all others only.
    layer_rates : sequence of float, optional
        For each of layers 1..L, the factor > 0 on its learning rate, which ``weight_decay`` follows.
    schedule : function or ReduceOnPlateau, optional
        ``schedule(epoch, epochs)``, the factor on the learning rate, evaluated for each minibatch at fractional epochs.
    early_stopping : EarlyStopping, optional
    n_threads : int, optional
        Default: chosen from the machine and the work.
    callbacks : iterable of Callback or function
        A function is called as ``f(run)`` after each epoch; ``run.stop()`` ends the run. Those that have ``every = n``
        are called after every n minibatches too.
    progress : bool or Callback
        True shows a progress bar (needs ``rich``).
    continuing : Run, optional
        What an earlier call returned, or handed to its callbacks: this run goes on from there as if that had never
        ended, with the same bits. ``epochs`` counts those of both. Samples, their weights and ``validation`` are passed
        again; ``n_threads``, ``callbacks`` and ``progress`` may be others; all else is what the run had.
    checkpoint : Checkpoint, optional
        The file that the training's state is written to, and gone on from where there is one. The net's weights are
        then those of the file. All that is passed beside has to be what it was, but for what may be other with
        ``continuing``.

    Returns
    -------
    Run
        With ``history``, a dict of lists.

    Raises
    ------
    ValueError, TypeError
        For input that cannot be trained on, before any kernel runs.
    DivergenceError
        Within one minibatch of a gradient that is not finite; the last finite weights are kept. At the end of an epoch
        in which a moment of the optimizer has become infinite, so that its layer learns no more. At the end of an
        epoch, or of the run, when training has exploded in finite numbers: the cost is more than a million times that
        of the first minibatch and that of the best constant output, and so is the largest weight or bias, if it began
        below 1, else more than a million times what it was.
    MemoryError
        Before anything is allocated.
    RuntimeError
        The network is being trained by another call, or a thread was lost: the weights are those of the last whole
        minibatch.
    LoadError
        The checkpoint's file is damaged, newer, or something else.
    """
    arguments = dict(locals())
    if not isinstance(net, Network):
        raise not_a_network(net)
    if not all_finite(net.theta):
        raise argument_error(
            "net",
            "has weights or biases that are not finite; nothing can be learned from there. Make a new network, or "
            "load an older one.",
        )
    require_writable(net)
    counting: dict[str, Any] = {"output_weight": output_weight, "missing_targets": missing_targets}
    samples = with_class_weight(net, check_samples(net, X, Y, sample_weight, **counting), class_weight)
    if samples.targets.dense is not None and np.isnan(samples.targets.dense).all():
        raise argument_error("Y", "is NaN everywhere; some target is needed to learn from. Pass those that are known.")
    held_out = check_validation(net, validation, **counting)
    if not isinstance(optimizer, LBFGS):
        optimizer = as_optimizer(SGD() if optimizer is None else optimizer, net.dtype)
    epochs = checks.check_int(epochs, "epochs", low=0)
    batch = check_batch_size(batch_size, len(samples))
    l1, l2 = checks.check_real(l1, "l1", low=0.0), checks.check_real(l2, "l2", low=0.0)
    require_room(l1, "l1", net.dtype)
    require_room(l2, "l2", net.dtype)
    if clip_norm is not None:
        clip_norm = checks.check_real(clip_norm, "clip_norm", above=0.0)
    best, factors = Best(early_stopping, net), Factors(schedule)
    require_measured(
        (best.monitor, factors.monitor), net, samples.targets, None if held_out is None else held_out.targets
    )
    trained = check_trained(net, frozen, layer_rates)
    made = [*as_callbacks(callbacks), *as_bars(progress)]
    dropped = check_dropout(dropout, net.L)
    if n_threads is not None:
        pool.effective(n_threads)
    if isinstance(optimizer, LBFGS):
        names = "batch_size shuffle l1 dropout clip_norm schedule layer_rates checkpoint continuing"
        lbfgs.check_options(samples, **{name: arguments[name] for name in names.split()})
        batch = len(samples)
    u = None if output_weight is None else samples.targets.output_weight
    options = settings(arguments, optimizer=optimizer, batch_size=batch, l1=l1, l2=l2, dropout=dropped, output_weight=u)
    before = continuing
    if continuing is not None:
        check_going_on(continuing, net, options, len(samples))
    saving = None
    if checkpoint is not None:
        assert not isinstance(optimizer, LBFGS)  # which keeps none
        slots = optimizer.update().slots
        options_of_file = options | {"weights": Described(net._drawn)}
        saving = Saving(check_checkpoint(checkpoint, continuing), options_of_file, net, samples, held_out, slots)
        found = saving.read()
        before = continuing if found is None else found[0]
    if before is not None:
        check_totals(before, epochs, -(-len(samples) // batch), factors)
    state = None if before is None else before._state
    seed_of: Callable[[int], int] = no_masks
    if any(dropped):
        seed = checks.make_rng(seed)
        seed_of = mask_seeds(seed) if state is None else masks_from(state.seed)
    order = make_order(shuffle, seed)
    trainer = Trainer(
        net,
        None if isinstance(optimizer, LBFGS) else optimizer,
        batch_size=batch,
        l1=l1,
        l2=l2,
        dropout=dropped,
        clip_norm=clip_norm,
        trained=trained,
        counting_hits=net._classifies(samples.targets),
        n_threads=n_threads,
    )
    kind = lbfgs.Iterations if isinstance(optimizer, LBFGS) else Standard
    policy = kind(
        trainer,
        samples,
        order,
        held_out=held_out,
        factors=factors,
        best=best,
        callbacks=made,
        seed_of=seed_of,
        options=options,
        before=state,
        saving=saving,
    )
    loop: Callable[[], Run] = functools.partial(trainer.run, samples, epochs, policy, before)
    if isinstance(optimizer, LBFGS):
        loop = functools.partial(lbfgs.descend, trainer, samples, optimizer, epochs, policy)
    elif epochs and schedule is None:
        policy.check_eta(optimizer, optimizer.learning_rate)
    return Prepared(policy, epochs, loop)
