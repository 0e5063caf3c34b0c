"""The steps from the definition of a quantity to its result, one derivation for each quantity."""

from __future__ import annotations

import numpy as np

from fastbp.functions.costs import SIMPLE
from fastbp.teach.notation import Notation
from fastbp.teach.numbers import Numbers, Sum
from fastbp.teach.steps import Step, Table, digits_of, factor, num

ADDED = "The running sum holds the kernel's own partial sums, bit for bit."
ROUNDED = ADDED + " The products are rounded for reading."
ALONE = "The running sum is this table's own; the kernels come to the result another way."
SAMPLES = r"\text{samples}"
"""The part of a gradient that comes from the samples, where a penalty adds another."""
GROWN = "The cost has grown: the step was too long for this slope. Try a smaller eta."
COLLAPSED = "The kernel takes the collapsed form, which the running sum meets to rounding."


class Derivation:
    """The steps of one quantity, in the order of the notes: definition first, end form last.

    Letters with a capital are those of the neuron explained, with its numbers for indices; the others are general.
    """

    def __init__(self, n: Notation, numbers: Numbers) -> None:
        l, j, k = self.l, self.j, self.k = numbers.layer, numbers.neuron, numbers.k
        self.n, self.numbers, self.net, self.values = n, numbers, numbers.net, numbers.values
        self.result = num(numbers.result)
        self.z, self.a, self.delta, self.Z, self.A, self.Delta = (
            letter(*at) for at in (("j", "l"), (j, l)) for letter in (n.z, n.a, n.delta)
        )
        self.parameter = n.b("j", "l") if k is None else n.w("j", n.previous, "l")
        self.Parameter = n.b(j, l) if k is None else n.w(j, k, l)

    def steps(self) -> list[Step]:
        """All of them."""
        numbers = self.numbers
        if numbers.of == "z":
            return self.weighted_input() if numbers.n_samples == 1 else self.weighted_inputs()
        if numbers.of == "delta":
            if numbers.n_samples > 1:
                return self.errors()
            return self.output_error() if numbers.is_output else self.hidden_error()
        steps = [*self.gradient(), *self.penalty()]
        return [*steps, self.update(), self.after()] if numbers.of == "update" else steps

    # What several of them need

    @property
    def sum(self) -> Sum:
        """The sum that the quantity comes from."""
        assert self.numbers.terms is not None
        return self.numbers.terms

    def number(self, name: str) -> str:
        """One of the values, as a formula has it."""
        return num(self.values[name])

    def samples_table(self, first: str, second: str) -> Table:
        """A row for each sample."""
        heads = (first, second, rf"{first} {second}") if first else (second,)
        return Table(self.sum, heads, "", ALONE if not self.sum.exact else ROUNDED if first else ADDED, "x")

    def mean(self, symbol: str, value: str) -> str:
        """The sum over the samples, divided."""
        numbers = self.numbers
        weight = str(numbers.n_samples) if numbers.weights is None else num(numbers.weight)
        return rf"{symbol} = \frac{{1}}{{{weight}}} \cdot {factor(self.sum.total)} = {value}"

    @property
    def weighted(self) -> str:
        """What to say where samples have weights."""
        if self.numbers.weights is None:
            return ""
        return " Each error carries its sample's weight s_x; their sum is the divisor."

    def definition(self) -> Step:
        """Of delta."""
        text = f"The error: how fast the cost changes with the weighted input of neuron {self.j} in layer {self.l}."
        if not self.numbers.is_output:
            text += (
                " Does it touch the cost directly? No: there is a chain of dependency. It moves its own activation "
                f"(link 1), which moves every neuron k of layer {self.l + 1} (link 2), and all of these move the cost."
            )
        return Step("delta", text, (rf"{self.delta} = {self.n.rate(self.n.cost, self.z)}",))

    def link_1(self) -> Step:
        """From z to a."""
        n = self.n
        return Step(
            "link 1",
            "From the weighted input to the activation: the slope of sigma, at z, not at a.",
            (
                rf"{n.rate(self.a, self.z)} = {n.slope_at(self.z)}",
                rf"{n.slope_at(self.Z)} = {n.slope_at(self.number('z'))} = {self.number('slope')}",
            ),
        )

    # F1 and F2

    def weighted_input(self) -> list[Step]:
        """Of one sample."""
        n, l, j, k = self.n, self.l, self.j, self.n.previous
        w, a_prev = n.w(j, k, l), n.a(k, l - 1)
        what, f2 = f"sigma is {self.numbers.activation} here", (rf"{self.a} = {n.sigma_at(self.z)}",)
        a = rf"{self.A} = {n.sigma_at(self.result)} = {self.number('a')}"
        if self.numbers.activation == "softmax":
            what, f2 = "softmax, a function of the whole layer", (self.a + r" = \text{softmax}",)
            a = rf"{self.A} = {self.number('a')}"
        start = rf"{n.b(j, l)} = {self.number('b')}"
        return [
            Step(
                "F1",
                f"The weighted input of neuron {j} of layer {l} gathers the activations of layer {l - 1} over its "
                "incoming weights. The sum starts at the bias.",
                (self.f1(),),
                Table(self.sum, (w, a_prev, rf"{w} {a_prev}"), start, ROUNDED, k),
            ),
            Step("result", "", (rf"{self.Z} = {self.result}",)),
            Step("F2", f"What leaves the neuron: {what}.", (*f2, a)),
        ]

    def f1(self) -> str:
        """F1 in general."""
        n, k = self.n, self.n.previous
        return rf"{self.z} = \sum_{k} {n.w('j', k, 'l')} {n.a(k, 'l-1')} + {n.b('j', 'l')}"

    def weighted_inputs(self) -> list[Step]:
        """Of a minibatch."""
        return [
            Step("F1", "What comes into the neuron, sample by sample.", (self.f1(),)),
            Step(
                "mean",
                f"The weighted inputs of {self.numbers.n_samples} samples. Their mean is no quantity of "
                "backpropagation: each sample passes through sigma by itself. Explain one sample to see its terms: "
                ".sample(x).",
                (self.mean(rf"\text{{mean of }} {self.Z}", self.result),),
                self.samples_table("", self.Z),
            ),
        ]

    # BP1 and BP2

    def hidden_error(self) -> list[Step]:
        """BP2."""
        n, l, slope = self.n, self.l, self.n.slope_at(self.z)
        to, z_next, delta_next = n.w("k", "j", "l+1"), n.z("k", "l+1"), n.delta("k", "l+1")
        Delta_next, To = n.delta("k", l + 1), n.w("k", self.j, l + 1)
        note = ""
        if float(self.values["slope"]) == 0:
            note = "relu's slope is 0 here: nothing passes through this neuron for this sample."
            if self.numbers.activation != "relu":
                note = (
                    f"The slope of sigma is exactly 0 at z = {digits_of(self.values['z'])}: whatever the errors of the "
                    "next layer, nothing passes. The neuron is saturated."
                )
        elif self.numbers.activation == "sigmoid" and float(self.values["slope"]) < 1e-3:
            note = "The neuron is nearly saturated: sigma'(z) below 0.001 lets little of the error pass."
        return [
            self.definition(),
            self.link_1(),
            Step(
                "link 2",
                f"From the activation to each neuron k of layer {l + 1}: its weighted input is a sum, and this "
                "activation stands in one term of it, times one weight. There is one such weight for every k: the "
                "column below.",
                (rf"{n.rate(z_next, self.a)} = {to}",),
            ),
            Step(
                "BP2 sum",
                "Both links, summed over all k, because the neuron changes the cost through every one of them.",
                (
                    rf"{self.delta} = \sum_k {n.rate(n.cost, z_next)} \cdot {n.rate(z_next, self.z)} "
                    rf"= \sum_k {delta_next} \cdot {to} \cdot {slope}",
                ),
            ),
            Step(
                "BP2",
                "The slope does not depend on k and stands before the sum.",
                (rf"{self.delta} = {slope} \cdot \sum_k {to} {delta_next}",),
                Table(self.sum, (Delta_next, To, rf"{Delta_next} {To}"), "", ROUNDED, "k"),
            ),
            Step(
                "result",
                "",
                (
                    rf"{self.Delta} = {n.slope_at(self.Z)} \cdot \sum_k {To} {Delta_next} "
                    rf"= {self.number('slope')} \cdot {factor(self.sum.total)} = {self.result}",
                ),
                note=note,
            ),
        ]

    def output_error(self) -> list[Step]:
        """BP1, where sigma' stays, and where it cancels."""
        n, Y = self.n, rf"y_{{{self.j}}}"
        if self.numbers.activation == "softmax":
            return self.softmax_error(Y)
        a, z = n.a("j", "L"), n.z("j", "L")
        rate, Rate = n.rate(n.cost, a), n.rate(n.cost, self.A)
        general = Step(
            "BP1",
            "An output neuron touches the cost through its own activation alone: one link.",
            (rf"{n.delta('j', 'L')} = {rate} \cdot {n.slope_at(z)}",),
        )
        if self.numbers.cost not in SIMPLE:
            text, formulas = f"The slope of the cost {self.numbers.cost}.", [rf"{Rate} = {self.number('dC/da')}"]
            if self.numbers.cost == "quadratic":
                text = "The quadratic cost changes with an output by as much as that output exceeds its target."
                excess = rf"{Rate} = {self.difference()} = {self.number('dC/da')}"
                formulas = [rf"{rate} = {a} - y_j", excess]
            cost = Step("dC/da", text, tuple(formulas))
            product = rf"{self.number('dC/da')} \cdot {factor(self.values['slope'])} = {self.result}"
            result = Step("result", "", (rf"{self.Delta} = {product}",))
            return [self.definition(), general, cost, self.link_1(), result]
        text = "Binary cross-entropy changes with an output by its excess, divided by a (1 - a), which is sigma'(z)."
        below, cancel = rf"{a} (1 - {a})", "a saturated output neuron that is wrong still learns."
        if self.numbers.cost == "poisson":
            text = (
                "The Poisson cost changes with an output by its excess, divided by a itself, which is sigma'(z) of exp."
            )
            below, cancel = a, "an expected count near 0 that is wrong still learns."
        cost = Step(
            "dC/da",
            text,
            (
                rf"{rate} = \frac{{{a} - y_j}}{{{below}}} = \frac{{{a} - y_j}}{{{n.slope_at(z)}}}",
                rf"{Rate} = \frac{{{self.result}}}{{{self.number('slope')}}} = {self.number('dC/da')}",
            ),
        )
        slope = n.slope_at(self.Z)
        cancels = Step(
            "cancels",
            f"The slope stands below and above, and cancels: {cancel} The kernel never divides by it.",
            (rf"{self.Delta} = \frac{{{self.A} - {Y}}}{{{slope}}} \cdot {slope} = {self.A} - {Y}",),
        )
        return [self.definition(), general, cost, self.link_1(), cancels, self.simple_result(Y)]

    def difference(self) -> str:
        """a - y, in numbers."""
        return rf"{self.number('a')} - {factor(self.values['y'])}"

    def simple_result(self, Y: str) -> Step:
        """delta = a - y."""
        return Step("result", "", (rf"{self.Delta} = {self.A} - {Y} = {self.difference()} = {self.result}",))

    def softmax_error(self, Y: str) -> list[Step]:
        """BP1 of softmax, which is a sum."""
        n, l = self.n, self.l
        aj, ak, zj, delta = n.a("j", "L"), n.a("k", "L"), n.z("j", "L"), n.delta("j", "L")
        rate, link, a = n.rate(n.cost, ak), n.rate(ak, zj), n.a("k", l)
        heads = (rf"{n.rate(n.cost, a)} \cdot {a} = -y_k", rf"[k={self.j}] - {self.A}", r"\text{term}")
        table = Table(self.sum, heads, "", COLLAPSED, "k")
        return [
            self.definition(),
            Step(
                "BP1",
                f"Softmax looks at all weighted inputs, so z of neuron {self.j} moves every output k of its own layer, "
                "and BP1 is itself a sum over k.",
                (rf"{delta} = \sum_k {rate} \cdot {link}",),
            ),
            Step(
                "links",
                "[k = j] is 1 for k = j and 0 for every other k.",
                (rf"{rate} = - \frac{{y_k}}{{{ak}}}", rf"{link} = {ak} ([k=j] - {aj})"),
            ),
            Step("terms", "The factor a_k stands below and above, and cancels in every term.", (), table),
            Step(
                "collapse",
                "The targets of a softmax sum to 1, so the sum collapses.",
                (rf"{delta} = {aj} \sum_k y_k - y_j = {aj} - y_j",),
            ),
            self.simple_result(Y),
        ]

    def errors(self) -> list[Step]:
        """Those of a minibatch."""
        text = (
            f"The errors of {self.numbers.n_samples} samples. Each sample has its own error, from its own activations; "
            "only gradients are averaged. This mean is the gradient of the neuron's bias. One sample's terms: "
            ".sample(x)." + self.weighted
        )
        mean = self.mean(rf"\text{{mean of }} {self.Delta}", self.result)
        return [self.definition(), Step("mean", text, (mean,), self.samples_table("", self.Delta))]

    # BP3, BP4 and U

    def gradient(self) -> list[Step]:
        """BP3, or BP4 with k."""
        n, values, one = self.n, self.values, self.numbers.n_samples == 1
        equation = rf"{n.rate(n.cost, self.parameter)} = {self.delta}"
        label, text = "BP3", "A bias moves its weighted input one to one, so the cost changes equally fast with both."
        first, target = "", n.rate(n.cost, self.Parameter)
        value = num(values.get("mean", values.get("g", self.numbers.result)))
        product = rf"{target} = {self.Delta} = {value}"
        if self.k is not None:
            p = n.previous
            label, equation = "BP4", rf"{n.rate(n.cost, self.parameter)} = {n.a(p, 'l-1')} \cdot {self.delta}"
            text = (
                "The weight multiplies an activation of the layer before: when the weight changes by 1, the weighted "
                "input changes by that activation. How fast the cost changes with the weighted input is the error. The "
                "gradient is the product of the two."
            )
            first, target = n.a(self.k, self.l - 1), SAMPLES if "mean" in values else target
            factors = rf"{num(self.sum.first[0])} \cdot {factor(self.sum.second[0])}"
            product = rf"{target} = {first} \cdot {self.Delta} = {factors} = {value}"
        if one:
            return [Step(label, text, (equation, product))]
        return [
            Step(label, text, (equation,)),
            Step(
                "accumulate",
                f"A minibatch adds the {'products' if first else 'errors'} of its {self.numbers.n_samples} samples x, "
                f"in order, and divides once.{self.weighted}",
                (self.mean(target, value),),
                self.samples_table(first, self.Delta),
            ),
            Step(
                "averaged first",
                "Samples averaged before they go through the net give another number: sigma is curved, so the mean "
                "sample has other activations than the mean of them.",
                (rf"\text{{averaged sample}} \to {self.number('averaged')} \ne {value}",),
            ),
        ]

    def penalty(self) -> list[Step]:
        """What a penalty adds to the mean over the samples."""
        n, numbers, values = self.n, self.numbers, self.values
        if "mean" not in values:
            return []
        if self.k is None:
            text = "Penalties are on weights alone: a bias is free, and its gradient stays what it is."
            return [Step("penalty", text)]
        old = values.get("old", self.net.w[self.l][self.j, self.k])
        parts = [("l2", numbers.l2, self.parameter, old)] if numbers.l2 else []
        parts += [("l1", numbers.l1, rf"\mathrm{{sign}}({self.parameter})", np.sign(old))] if numbers.l1 else []
        added = "".join(rf" + \mathrm{{{name}}} \cdot {what}" for name, _, what, _ in parts)
        filled = "".join(rf" + {num(strength)} \cdot {factor(value)}" for _, strength, _, value in parts)
        total = num(values.get("g", numbers.result))
        return [
            Step(
                "penalty",
                "The cost has a penalty on every weight, l1 sum |w| + l2/2 sum w^2. Its derivative is added once, to "
                "what the samples say. Biases are free.",
                (
                    rf"{n.rate(n.cost, self.parameter)} = {SAMPLES}{added}",
                    rf"{n.rate(n.cost, self.Parameter)} = {self.number('mean')}{filled} = {total}",
                ),
            )
        ]

    def update(self) -> Step:
        """U."""
        letter, eta = self.parameter, num(self.numbers.learning_rate)
        return Step(
            "U",
            "A step of gradient descent goes against the gradient. All gradients are computed with the old weights; "
            "then all weights move at once.",
            (
                rf"{letter} \leftarrow {letter} - \eta \cdot {self.n.rate(self.n.cost, letter)}",
                rf"{self.Parameter} \leftarrow {self.number('old')} - {eta} \cdot {factor(self.values['g'])} "
                rf"= {self.result}",
            ),
        )

    def after(self) -> Step:
        """What the step changes beyond the parameter itself."""
        formulas = [rf"{self.n.cost} = {self.number('C')} \to {self.number('new C')}"]
        text = "All weights and biases have moved. The samples go forward once more, and meet the new ones."
        if self.numbers.n_samples == 1:
            formulas.insert(0, rf"{self.A} = {self.number('a')} \to {self.number('new a')}")
            text = "All weights and biases have moved. The same sample goes forward once more, and meets the new ones."
        scalar = self.net.dtype.type
        grown = scalar(self.values["new C"]) > scalar(self.values["C"])
        return Step("after", text, tuple(formulas), note=GROWN if grown else "")
