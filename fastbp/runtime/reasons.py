"""Why a training's plan is what it is: a sentence for each choice, from the rules that made it."""

from __future__ import annotations

from fastbp.kernels.gemm.tiling import PASS_ROWS
from fastbp.runtime import plan as rules
from fastbp.runtime import pool
from fastbp.runtime.plan import Plan, Task


def _million(operations: float) -> str:
    return f"{operations / 1e6:,.3g} million operations"


def obstacle_to_columns(task: Task, n_threads: int) -> str | None:
    """Why the threads cannot have columns of w^1 for themselves; None if they can (`can_split_columns`)."""
    if task.sparse:
        return "samples are sparse"
    if task.whole_gradient:
        return "all of the gradient must be there before it is used"
    if task.dropout:
        return "neurons are left out"
    if task.masked:
        return "some of their weights are frozen"
    if not task.descent:
        return "the step is not w - eta g alone"
    if len(task.sizes) < 3:
        return "there is no hidden layer"
    if task.sizes[0] < PASS_ROWS:
        return f"layer 0 has fewer than {PASS_ROWS} neurons"
    if task.lines_of_layer_1 == 0:
        return "a row of w^1 fills no cache line"
    if rules.largest_tile(task) < task.batch:
        return "a minibatch takes several tiles"
    if n_threads > 1 and task.penalised:
        return "the penalty in C needs all of w^1"
    return None


def _schedule(task: Task, plan: Plan) -> str:
    several = plan.n_threads > 1
    if plan.schedule == "column_parallel":
        if several:
            return "Each thread keeps neurons of layer 1 for itself, so that their weights stay in its cache."
        return "One thread has all neurons of layer 1, and makes their step and F1 of the next minibatch in one pass."
    if plan.schedule == "ordered_tiles":
        n_tiles = -(-task.batch // plan.tile)
        return f"A minibatch has {n_tiles} tiles, which threads take one by one; their gradients are added in order."
    obstacle = obstacle_to_columns(task, plan.n_threads)
    why = f"cannot be split, as {obstacle}" if obstacle else "are not worth splitting at these sizes"
    return f"{'Threads split samples' if several else 'One thread has all samples'}: columns of w^1 {why}."


def _threads(task: Task, plan: Plan, asked: int | None) -> str:
    n, allowed = plan.n_threads, pool.effective(asked)
    if asked is not None:
        if n == asked:
            return "As many as were asked for."
        return f"{asked} were asked for; this process runs {allowed} at most."
    limits = pool.limits()
    limit = f"{min(limits, key=lambda name: limits[name])}: {allowed}"
    if allowed == 1 or n == allowed:
        return f"As many as there may be ({limit})."
    if n == 1 and pool.in_use():
        return "A team is at work in this process already."
    if n > 1 and plan.schedule == "column_parallel":
        return f"As many as a training in columns of w^1 is worth, of those that there may be ({limit})."
    needed = rules.work_of_a_thread(task, rules.ordered_tile(task, 2))
    return (
        f"A minibatch has {_million(task.flops)}, and a thread is worth starting for {_million(needed)} "
        f"(at most {limit})."
    )


def _tile(task: Task, plan: Plan) -> str:
    if plan.schedule == "ordered_tiles":
        return (
            f"Of {_million(rules.operations(task.sizes, plan.tile, training=True))}: threads take smaller ones in vain."
        )
    if plan.tile >= task.batch:
        return "All samples of a minibatch pass through the layers together."
    return f"As many samples as have activations of {rules.TILE_BYTES >> 20} MB, which a core's cache holds, or 256."


def _parts(plan: Plan) -> str:
    if plan.n_threads == 1 or plan.schedule != "data_parallel":
        return "Only threads that split samples have parts to claim."
    if plan.parts == 1:
        return "Each thread has one share of samples, and one of rows of w: a training that measures tries two."
    return f"Threads claim {plan.parts * plan.n_threads} parts one by one: a core that is disturbed takes fewer."


def _fused_update(task: Task, plan: Plan) -> str:
    if plan.fused_update:
        return "BP4 ends with the step w - eta g, and no gradient is stored."
    if task.whole_gradient:
        return "All of the gradient must be there before it is used."
    if task.sparse:
        return "The step is made where samples have values."
    if not task.descent:
        return "The step is not w - eta g alone."
    if task.masked:
        return "Weights that are frozen are kept from the step."
    if task.penalised:
        return "The penalty is added to the gradient first."
    return "The gradients of several tiles are added first."


def reasons(task: Task, plan: Plan, *, n_threads: int | None = None, n_bytes: int | None = None) -> dict[str, str]:
    """A sentence for each field of the plan of a training.

    Parameters
    ----------
    task : Task
    plan : Plan
        From `plan_training` of the task.
    n_threads : int, optional
        As many as were asked for.
    n_bytes : int, optional
        Of all samples, if they are known.
    """
    far = f"{rules.FAR_BYTES / 1e6:.2g} MB"
    if n_bytes is None:
        prefetch = f"Samples of more than {far} are fetched before they are needed."
    elif n_bytes > rules.FAR_BYTES:
        prefetch = f"The samples take more than {far}, and are fetched before they are needed."
    else:
        prefetch = f"There is nothing to fetch early: the samples take no more than {far}."
    columns = plan.schedule == "column_parallel"
    found = {
        "schedule": _schedule(task, plan),
        "n_threads": _threads(task, plan, n_threads),
        "tile": _tile(task, plan),
        "parts": _parts(plan),
        "pack_a": "Coefficients of a sum that lie far apart are copied side by side, where that pays.",
        "pack_b": "So are the rows that they multiply.",
        "prefetch": prefetch,
        "fused_update": _fused_update(task, plan),
        "fused_update_forward": (
            "The step of w^1 and F1 of the next minibatch are one pass over w^1."
            if columns
            else "Only a training in columns of w^1 has its step and the next F1 in one pass."
        ),
    }
    return found | dict.fromkeys(rules.forced_names() & found.keys(), "It is forced.")
