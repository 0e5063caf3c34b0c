"""The steps from the definition of a quantity to its result, one derivation for each quantity."""

from __future__ import annotations

import numpy as np

from fastbp.teach.notation import Notation
from fastbp.teach.numbers import Numbers
from fastbp.teach.steps import Step, Table, digits_of, factor, num

ROUNDED = (
    "The running sum holds the kernel's own partial sums, bit for bit; the products beside it are rounded for reading: "
    "the kernel adds each one before it is rounded (a fused multiply-add)."
)
ADDED = "The running sum holds the kernel's own partial sums, bit for bit."
ALONE = "The running sum is of this table alone: no kernel adds these up."
SAMPLES = r"\text{samples}"
"""The part of a gradient that comes from the samples, where a penalty adds another."""
COLLAPSED = "The kernel does not add these up: it takes the collapsed form, which the running sum meets to rounding."


def subject(n: Notation, numbers: Numbers) -> str:
    """What is explained, as a formula."""
    l, j, k = numbers.layer, numbers.neuron, numbers.k
    if numbers.of == "z":
        return n.z(j, l)
    if numbers.of == "delta":
        return n.delta(j, l)
    parameter = n.b(j, l) if k is None else n.w(j, k, l)
    return rf"\text{{new }} {parameter}" if numbers.of == "update" else n.rate(n.cost, parameter)


def _samples_table(n: Notation, numbers: Numbers, first: str, second: str) -> Table:
    assert numbers.terms is not None
    heads = (first, second, rf"{first} {second}") if first else (second,)
    footnote = ALONE if not numbers.terms.exact else ROUNDED if first else ADDED
    return Table(numbers.terms, heads, "", footnote, "x")


def _mean(symbol: str, numbers: Numbers) -> str:
    assert numbers.terms is not None
    return rf"{symbol} = \frac{{1}}{{{_weight(numbers)}}} \cdot {factor(numbers.terms.total)} = {num(numbers.result)}"


def _weight(numbers: Numbers) -> str:
    return f"{numbers.n_samples}" if numbers.weights is None else num(numbers.weight)


def _weighted(numbers: Numbers) -> str:
    return "" if numbers.weights is None else " Each error carries its sample's weight s_x; their sum is the divisor."


def _z_steps(n: Notation, numbers: Numbers) -> list[Step]:
    l, j, net = numbers.layer, numbers.neuron, numbers.net
    k, z, a = n.previous, n.z("j", "l"), n.a("j", "l")
    boxed = (
        rf"{z} = \sum_{k} {n.w('j', k, 'l')} {n.a(k, 'l-1')} + {n.b('j', 'l')}",
        rf"{a} = {n.sigma_at(z)}",
    )
    if numbers.n_samples > 1:
        return [
            Step("F1", "What comes into the neuron, sample by sample.", boxed[:1]),
            Step(
                "mean",
                f"The weighted inputs of {numbers.n_samples} samples. Their mean is no quantity of backpropagation: "
                "each sample passes through sigma by itself. Explain one sample to see its terms: .sample(x).",
                (_mean(rf"\text{{mean of }} {n.z(j, l)}", numbers),),
                _samples_table(n, numbers, "", n.z(j, l)),
            ),
        ]
    assert numbers.terms is not None
    values = numbers.values
    softmax = numbers.activation == "softmax"
    after = (
        (rf"{n.a(j, l)} = {n.sigma_at(num(numbers.result))} = {num(values['a'])}",)
        if not softmax
        else (rf"{n.a(j, l)} = {num(values['a'])}",)
    )
    table = Table(
        numbers.terms,
        (n.w(j, k, l), n.a(k, l - 1), rf"{n.w(j, k, l)} {n.a(k, l - 1)}"),
        rf"{n.b(j, l)} = {num(values['b'])}",
        ROUNDED,
        k,
    )
    what = "softmax, a function of the whole layer" if softmax else f"sigma is {net.activations[l - 1]} here"
    return [
        Step(
            "F1",
            f"The weighted input of neuron {j} of layer {l} gathers the activations of layer {l - 1} over its "
            "incoming weights. The sum starts at the bias.",
            boxed[:1],
            table,
        ),
        Step("result", "", (rf"{n.z(j, l)} = {num(numbers.result)}",)),
        Step("F2", f"What leaves the neuron: {what}.", (boxed[1] if not softmax else a + r" = \text{softmax}", *after)),
    ]


def _definition(n: Notation, numbers: Numbers) -> Step:
    l, j, L = numbers.layer, numbers.neuron, numbers.net.L
    text = f"The error: how fast the cost changes with the weighted input of neuron {j} in layer {l}."
    if l < L:
        text += (
            " Does it touch the cost directly? No: there is a chain of dependency. It moves its own activation (link "
            f"1), which moves every neuron k of layer {l + 1} (link 2), and the cost feels all of those."
        )
    return Step("delta", text, (rf"{n.delta('j', 'l')} = {n.rate(n.cost, n.z('j', 'l'))}",))


def _link_1(n: Notation, numbers: Numbers) -> Step:
    l, j, values = numbers.layer, numbers.neuron, numbers.values
    slope = n.slope_at(n.z(j, l))
    return Step(
        "link 1",
        "From the weighted input to the activation: the slope of sigma, at z, not at a.",
        (
            rf"{n.rate(n.a('j', 'l'), n.z('j', 'l'))} = {n.slope_at(n.z('j', 'l'))}",
            rf"{slope} = {n.slope_at(num(values['z']))} = {num(values['slope'])}",
        ),
    )


def _hidden_steps(n: Notation, numbers: Numbers) -> list[Step]:
    l, j, values, terms = numbers.layer, numbers.neuron, numbers.values, numbers.terms
    assert terms is not None
    to, slope = n.w("k", "j", "l+1"), n.slope_at(n.z("j", "l"))
    heads = (n.delta("k", l + 1), n.w("k", j, l + 1), rf"{n.delta('k', l + 1)} {n.w('k', j, l + 1)}")
    note = ""
    if float(values["slope"]) == 0:
        note = (
            f"The slope of sigma is exactly 0 at z = {digits_of(values['z'])}: whatever the errors of the next layer, "
            "nothing passes. The neuron is saturated."
            if numbers.activation != "relu"
            else "relu's slope is 0 here: nothing passes through this neuron for this sample."
        )
    elif numbers.activation == "sigmoid" and float(values["slope"]) < 1e-3:
        note = "The neuron is nearly saturated: sigma'(z) below 0.001 lets little of the error pass."
    return [
        _definition(n, numbers),
        _link_1(n, numbers),
        Step(
            "link 2",
            f"From the activation to each neuron k of layer {l + 1}: its weighted input is a sum, and this activation "
            "stands in one term of it, times one weight. There is one such weight for every k: the column below.",
            (rf"{n.rate(n.z('k', 'l+1'), n.a('j', 'l'))} = {to}",),
        ),
        Step(
            "BP2 sum",
            "Both links, summed over all k, because the cost feels the neuron through every one of them.",
            (
                rf"{n.delta('j', 'l')} = \sum_k {n.rate(n.cost, n.z('k', 'l+1'))} \cdot "
                rf"{n.rate(n.z('k', 'l+1'), n.z('j', 'l'))} = \sum_k {n.delta('k', 'l+1')} \cdot {to} \cdot {slope}",
            ),
        ),
        Step(
            "BP2",
            "The slope does not depend on k and stands before the sum.",
            (rf"{n.delta('j', 'l')} = {slope} \cdot \sum_k {to} {n.delta('k', 'l+1')}",),
            Table(terms, heads, "", ROUNDED, "k"),
        ),
        Step(
            "result",
            "",
            (
                rf"{n.delta(j, l)} = {n.slope_at(n.z(j, l))} \cdot \sum_k {heads[1]} {heads[0]} "
                rf"= {num(values['slope'])} \cdot "
                rf"{factor(terms.total)} = {num(numbers.result)}",
            ),
            note=note,
        ),
    ]


def _output_steps(n: Notation, numbers: Numbers) -> list[Step]:
    l, j, values, net = numbers.layer, numbers.neuron, numbers.values, numbers.net
    a, z, y = n.a(j, l), n.z(j, l), rf"y_{{{j}}}"
    difference = rf"{num(values['a'])} - {factor(values['y'])}"
    result = Step(
        "result",
        "",
        (rf"{n.delta(j, l)} = {a} - {y} = {difference} = {num(numbers.result)}",),
    )
    if net.activations[-1] == "softmax":
        return _softmax_steps(n, numbers, result)
    general = Step(
        "BP1",
        "An output neuron touches the cost through its own activation alone: one link.",
        (rf"{n.delta('j', 'L')} = {n.rate(n.cost, n.a('j', 'L'))} \cdot {n.slope_at(n.z('j', 'L'))}",),
    )
    if numbers.cost == "quadratic":
        cost = Step(
            "dC/da",
            "The quadratic cost changes with an output by as much as that output exceeds its target.",
            (
                rf"{n.rate(n.cost, n.a('j', 'L'))} = {n.a('j', 'L')} - y_j",
                rf"{n.rate(n.cost, a)} = {difference} = {num(values['dC/da'])}",
            ),
        )
        product = rf"{n.delta(j, l)} = {num(values['dC/da'])} \cdot {factor(values['slope'])} = {num(numbers.result)}"
        return [_definition(n, numbers), general, cost, _link_1(n, numbers), Step("result", "", (product,))]
    text = "Binary cross-entropy changes with an output by its excess, divided by a (1 - a), which is sigma'(z)."
    below, cancel = rf"{n.a('j', 'L')} (1 - {n.a('j', 'L')})", "a saturated output neuron that is wrong still learns."
    if numbers.cost == "poisson":
        text = "The Poisson cost changes with an output by its excess, divided by a itself, which is sigma'(z) of exp."
        below, cancel = n.a("j", "L"), "an expected count near 0 that is wrong still learns."
    cost = Step(
        "dC/da",
        text,
        (
            rf"{n.rate(n.cost, n.a('j', 'L'))} = \frac{{{n.a('j', 'L')} - y_j}}{{{below}}} "
            rf"= \frac{{{n.a('j', 'L')} - y_j}}{{{n.slope_at(n.z('j', 'L'))}}}",
            rf"{n.rate(n.cost, a)} = \frac{{{num(numbers.result)}}}{{{num(values['slope'])}}} = {num(values['dC/da'])}",
        ),
    )
    cancels = Step(
        "cancels",
        f"The slope stands below and above, and cancels: {cancel} The kernel never divides by it.",
        (rf"{n.delta(j, l)} = \frac{{{a} - {y}}}{{{n.slope_at(z)}}} \cdot {n.slope_at(z)} = {a} - {y}",),
    )
    return [_definition(n, numbers), general, cost, _link_1(n, numbers), cancels, result]


def _softmax_steps(n: Notation, numbers: Numbers, result: Step) -> list[Step]:
    l, j = numbers.layer, numbers.neuron
    assert numbers.terms is not None
    aj, ak, zj = n.a("j", "L"), n.a("k", "L"), n.z("j", "L")
    table = Table(
        numbers.terms,
        (rf"{n.rate(n.cost, n.a('k', l))} \cdot {n.a('k', l)} = -y_k", rf"[k={j}] - {n.a(j, l)}", r"\text{term}"),
        "",
        COLLAPSED,
        "k",
    )
    return [
        _definition(n, numbers),
        Step(
            "BP1",
            f"Softmax looks at all weighted inputs, so z of neuron {j} moves every output k of its own layer, and BP1 "
            "is itself a sum over k.",
            (rf"{n.delta('j', 'L')} = \sum_k {n.rate(n.cost, ak)} \cdot {n.rate(ak, zj)}",),
        ),
        Step(
            "links",
            "[k = j] is 1 for k = j and 0 for every other k.",
            (
                rf"{n.rate(n.cost, ak)} = - \frac{{y_k}}{{{ak}}}",
                rf"{n.rate(ak, zj)} = {ak} ([k=j] - {aj})",
            ),
        ),
        Step("terms", "The factor a_k stands below and above, and cancels in every term.", (), table),
        Step(
            "collapse",
            "The targets of a softmax sum to 1, so the sum collapses.",
            (rf"{n.delta('j', 'L')} = {aj} \sum_k y_k - y_j = {aj} - y_j",),
        ),
        result,
    ]


def _minibatch_delta(n: Notation, numbers: Numbers) -> list[Step]:
    l, j = numbers.layer, numbers.neuron
    return [
        _definition(n, numbers),
        Step(
            "mean",
            f"The errors of {numbers.n_samples} samples. Each sample has its own error, from its own activations; only "
            "gradients are averaged. This mean is the gradient of the neuron's bias. One sample's terms: .sample(x)."
            + _weighted(numbers),
            (_mean(rf"\text{{mean of }} {n.delta(j, l)}", numbers),),
            _samples_table(n, numbers, "", n.delta(j, l)),
        ),
    ]


def _gradient_steps(n: Notation, numbers: Numbers) -> list[Step]:
    l, j, k, values, terms = numbers.layer, numbers.neuron, numbers.k, numbers.values, numbers.terms
    assert terms is not None
    p = n.previous
    label = "BP3" if k is None else "BP4"
    if k is None:
        equation = rf"{n.rate(n.cost, n.b('j', 'l'))} = {n.delta('j', 'l')}"
        text = "A bias moves its weighted input one to one, so the cost feels both alike."
        first, second = "", n.delta(j, l)
    else:
        equation = rf"{n.rate(n.cost, n.w('j', p, 'l'))} = {n.a(p, 'l-1')} \cdot {n.delta('j', 'l')}"
        text = "The cost changes with a weight by what enters through it, times the error of the neuron where it leads."
        first, second = n.a(k, l - 1), n.delta(j, l)
    target = n.rate(n.cost, n.b(j, l) if k is None else n.w(j, k, l))
    if "mean" in values and k is not None:
        target = SAMPLES
    value = values.get("mean", values.get("g", numbers.result))
    if numbers.n_samples == 1:
        product = (
            rf"{target} = {n.delta(j, l)} = {num(value)}"
            if k is None
            else rf"{target} = {first} \cdot {second} = {num(terms.first[0])} \cdot {factor(terms.second[0])} "
            rf"= {num(value)}"
        )
        return [Step(label, text, (equation, product)), *_penalty_steps(n, numbers)]
    mean = rf"{target} = \frac{{1}}{{{_weight(numbers)}}} \cdot {factor(terms.total)} = {num(value)}"
    wrong = rf"\text{{averaged sample}} \to {num(values['averaged'])} \ne {num(value)}"
    return [
        Step(label, text, (equation,)),
        Step(
            "accumulate",
            f"A minibatch adds the {'products' if first else 'errors'} of its {numbers.n_samples} samples x, in order, "
            f"and divides once.{_weighted(numbers)}",
            (mean,),
            _samples_table(n, numbers, first, second),
        ),
        Step(
            "not so",
            "Averaging before instead of after is another number: sigma is curved, so the mean sample does not have "
            "the mean activations, and the mean of a product is not the product of the means.",
            (wrong,),
        ),
        *_penalty_steps(n, numbers),
    ]


def _penalty_steps(n: Notation, numbers: Numbers) -> list[Step]:
    """What a penalty adds to the mean over the samples."""
    l, j, k, values = numbers.layer, numbers.neuron, numbers.k, numbers.values
    if "mean" not in values:
        return []
    if k is None:
        return [Step("penalty", "Penalties are on weights alone: a bias is free, and its gradient stays what it is.")]
    letter, w = n.w("j", n.previous, "l"), n.w(j, k, l)
    old = values.get("old", numbers.net.w[l][j, k])
    parts = [("l2", numbers.l2, letter, old)] if numbers.l2 else []
    parts += [("l1", numbers.l1, rf"\mathrm{{sign}}({letter})", np.sign(old))] if numbers.l1 else []
    added = "".join(rf" + \mathrm{{{name}}} \cdot {what}" for name, _, what, _ in parts)
    filled = "".join(rf" + {num(strength)} \cdot {factor(value)}" for _, strength, _, value in parts)
    number = num(values.get("g", numbers.result))
    return [
        Step(
            "penalty",
            "The cost has a penalty on every weight, l1 sum |w| + l2/2 sum w^2. Its derivative is added once, to what "
            "the samples say. Biases are free.",
            (
                rf"{n.rate(n.cost, letter)} = {SAMPLES}{added}",
                rf"{n.rate(n.cost, w)} = {num(values['mean'])}{filled} = {number}",
            ),
        )
    ]


def _update_steps(n: Notation, numbers: Numbers) -> list[Step]:
    l, j, k, values = numbers.layer, numbers.neuron, numbers.k, numbers.values
    p = n.previous
    letter = n.b("j", "l") if k is None else n.w("j", p, "l")
    parameter = n.b(j, l) if k is None else n.w(j, k, l)
    step = Step(
        "U",
        "A step of gradient descent goes against the gradient. All gradients are computed with the old weights; then "
        "all weights move at once.",
        (
            rf"{letter} \leftarrow {letter} - \eta \cdot {n.rate(n.cost, letter)}",
            rf"{parameter} \leftarrow {num(values['old'])} - {num(numbers.learning_rate)} \cdot {factor(values['g'])} "
            rf"= {num(numbers.result)}",
        ),
    )
    return [*_gradient_steps(n, numbers), step, _after(n, numbers)]


def _after(n: Notation, numbers: Numbers) -> Step:
    """What the step changes beyond the parameter itself."""
    values, number = numbers.values, numbers.net.dtype.type
    formulas = [rf"{n.cost} = {num(values['C'])} \to {num(values['new C'])}"]
    text = "All weights and biases have moved. The samples go forward once more, and meet the new ones."
    if numbers.n_samples == 1:
        a = n.a(numbers.neuron, numbers.layer)
        formulas.insert(0, rf"{a} = {num(values['a'])} \to {num(values['new a'])}")
        text = "All weights and biases have moved. The same sample goes forward once more, and meets the new ones."
    grown = number(values["new C"]) > number(values["C"])
    note = "The cost has grown: the step was too long for this slope. Try a smaller eta." if grown else ""
    return Step("after", text, tuple(formulas), note=note)


def build(n: Notation, numbers: Numbers) -> list[Step]:
    """The steps, in the order of the notes: definition first, end form last."""
    if numbers.of == "z":
        return _z_steps(n, numbers)
    if numbers.of == "update":
        return _update_steps(n, numbers)
    if numbers.of != "delta":
        return _gradient_steps(n, numbers)
    if numbers.n_samples > 1:
        return _minibatch_delta(n, numbers)
    return _output_steps(n, numbers) if numbers.is_output else _hidden_steps(n, numbers)
