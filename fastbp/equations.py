r"""Every equation, spelled once: label, ASCII, LaTeX, one sentence, where it stands in the notes, what slipped there.

A loop of the textbook or of the kernels begins its docstring with ``label: ascii`` of the equation it computes; a test
compares the two. The letters: l is a layer (0 the input, L the output), j a neuron of layer l, k a neuron of the
neighbouring layer (l-1 in F1 and BP4, l+1 in BP2), x a sample. ``(.)`` multiplies entry by entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Equation:
    """One equation of backpropagation.

    Attributes
    ----------
    label : str
        Its name in docstrings, documentation, tests and explanations.
    ascii, latex : str
        The equation, for code and for prose.
    sentence : str
        What it says.
    source : str
        Where it stands in the notes, or why it is here without standing there.
    slip : str or None
        What slipped in the notes at this place, and the correction.
    """

    label: str
    ascii: str
    latex: str
    sentence: str
    source: str
    slip: str | None = None


_BOOK = "Not in the notes, which stop at BP2; {} of the book they follow."
_NEITHER = "Neither in the notes nor in the book."

_ALL = (
    Equation(
        "delta",
        "delta_j^l = dC/dz_j^l",
        r"\delta_j^l = \frac{\partial C}{\partial z_j^l}",
        "The error of neuron j in layer l is the rate at which the cost changes with its weighted input.",
        'First line, "Error"; repeated before the two links.',
        'The question "does z_j^l touch G directly?" means the cost C: there is no G.',
    ),
    Equation(
        "BP1",
        "delta_j^L = dC/da_j^L * sigma'(z_j^L)",
        r"\delta_j^L = \frac{\partial C}{\partial a_j^L}\,\sigma'(z_j^L)",
        "An output neuron's error: how fast the cost changes with the activation, times how fast that changes with z.",
        'Below "An eqn for the error in o/p layer".',
    ),
    Equation(
        "BP1 matrix",
        "delta^L = (a^L - y) (.) sigma'(z^L)",
        r"\delta^L = \nabla_a C \odot \sigma'(z^L) = (a^L - y) \odot \sigma'(z^L)",
        "BP1 for all output neurons at once, with the quadratic cost.",
        '"Matrix form", below the boxed dC/da.',
    ),
    Equation(
        "sigma",
        "sigma(z) = 1 / (1 + e^-z)",
        r"\sigma(z) = \frac{1}{1 + e^{-z}}",
        "The sigmoid squeezes a weighted input into an activation between 0 and 1.",
        "Below BP1, left of the box.",
    ),
    Equation(
        "sigma'",
        "sigma'(z) = sigma(z) * (1 - sigma(z))",
        r"\sigma'(z) = \sigma(z)\,\bigl(1 - \sigma(z)\bigr)",
        "The sigmoid's slope follows from its value.",
        "Boxed, below BP1.",
    ),
    Equation(
        "C",
        "C_x = 1/2 sum_j (y_j - a_j^L)^2",
        r"C_x = \tfrac{1}{2} \sum_j (y_j - a_j^L)^2",
        "The quadratic cost of a sample is half the squared distance between its target and the output.",
        "In the reason given beside the boxed dC/da.",
    ),
    Equation(
        "dC/da",
        "dC/da_j^L = a_j^L - y_j",
        r"\frac{\partial C}{\partial a_j^L} = a_j^L - y_j",
        "The quadratic cost changes with an output by as much as that output exceeds its target.",
        "Boxed, below BP1.",
    ),
    Equation(
        "F1",
        "z_j^l = sum_k w_jk^l a_k^{l-1} + b_j^l",
        r"z_j^l = \sum_k w_{jk}^l\, a_k^{l-1} + b_j^l",
        "A weighted input adds the bias to all that comes in; w_jk^l leads from neuron k of layer l-1 to neuron j "
        "of layer l.",
        "Inside the sigma of the boxed a_j^l, and in the bracket beside link 2.",
        'The notes let w_jk^l lead "to l-th neuron in l-th layer"; it leads to the j-th neuron of the l-th layer.',
    ),
    Equation(
        "F1 matrix",
        "z^l = w^l a^{l-1} + b^l",
        r"z^l = w^l a^{l-1} + b^l",
        "F1 for all j at once.",
        '"Each layer computes", before the chain of dependency.',
    ),
    Equation(
        "F2",
        "a_j^l = sigma(z_j^l)",
        r"a_j^l = \sigma(z_j^l)",
        "An activation depends on its own weighted input and on nothing else.",
        "The boxed a_j^l, and the bracket beside link 1.",
    ),
    Equation(
        "link 1",
        "da_j^l/dz_j^l = sigma'(z_j^l)",
        r"\frac{\partial a_j^l}{\partial z_j^l} = \sigma'(z_j^l)",
        "First link of the chain, z_j^l -> a_j^l.",
        "Circled 1.",
    ),
    Equation(
        "link 2",
        "dz_k^{l+1}/da_j^l = w_kj^{l+1}",
        r"\frac{\partial z_k^{l+1}}{\partial a_j^l} = w_{kj}^{l+1}",
        "Second link, a_j^l -> z_k^{l+1}: of the sum over i in z_k^{l+1} only the term i = j knows a_j^l.",
        "Circled 2.",
    ),
    Equation(
        "I",
        "dz_k^{l+1}/dz_j^l = w_kj^{l+1} * sigma'(z_j^l)",
        r"\frac{\partial z_k^{l+1}}{\partial z_j^l} = w_{kj}^{l+1}\, \sigma'(z_j^l)",
        "Both links: how fast the weighted input of neuron k of the next layer changes with that of neuron j.",
        'Equation (I), "let\'s combine".',
        "The first derivation writes it as dz_j^{L+1}/dz_k^L = w_jk^{L+1} sigma'(z_k^L): j and k are exchanged "
        "there, and L, the output layer, stands for any layer l; no layer L+1 exists.",
    ),
    Equation(
        "BP2 sum",
        "delta_j^l = sum_k dC/dz_k^{l+1} * dz_k^{l+1}/dz_j^l",
        r"\delta_j^l = \sum_k \frac{\partial C}{\partial z_k^{l+1}}\,\frac{\partial z_k^{l+1}}{\partial z_j^l}",
        "z_j^l changes every neuron k of the next layer, each of them changes the cost, and the changes add up.",
        '"So, total change".',
        "The first derivation has delta_j^L = sum_{j=1}^{n+1} (dC/dz_j^{L+1}) (dz_j^{L+1}/dz_k^L), where j is both "
        "free and summed; the sum runs over all neurons k of layer l+1, and j stays free.",
    ),
    Equation(
        "BP2",
        "delta_j^l = sigma'(z_j^l) * sum_k w_kj^{l+1} delta_k^{l+1}",
        r"\delta_j^l = \sigma'(z_j^l) \sum_k w_{kj}^{l+1}\, \delta_k^{l+1}",
        "The error of a hidden neuron gathers the errors of the next layer over its outgoing weights; its slope does "
        "not depend on k and stands before the sum.",
        'The second derivation, after "independent of k".',
        "The first derivation ends in delta_j^L = (sum_j w_jk^{L+1} delta_j^{L+1}) sigma'(z_k^L), with k on the right "
        "only: the left side is delta_k there, and L means l. The second calls sigma'(z^l) independent of k: it is one "
        "entry of it, sigma'(z_j^l).",
    ),
    Equation(
        "BP2 matrix",
        "delta^l = ((w^{l+1})^T delta^{l+1}) (.) sigma'(z^l)",
        r"\delta^l = \bigl((w^{l+1})^{\mathsf T} \delta^{l+1}\bigr) \odot \sigma'(z^l)",
        "BP2 for all j at once: the sum over k goes down a column of w^{l+1}, and a column is a row of the transpose.",
        'Last line, "forced us to take w^T".',
        "The last line has delta_j^l on the left of a whole vector: it is delta^l. Its first appearance writes omega "
        "and L for w and l.",
    ),
    Equation(
        "BP3",
        "dC/db_j^l = delta_j^l",
        r"\frac{\partial C}{\partial b_j^l} = \delta_j^l",
        "A bias moves its weighted input one to one, so the cost changes equally fast with both.",
        _BOOK.format("BP3"),
    ),
    Equation(
        "BP4",
        "dC/dw_jk^l = a_k^{l-1} * delta_j^l",
        r"\frac{\partial C}{\partial w_{jk}^l} = a_k^{l-1}\, \delta_j^l",
        "The gradient of a weight is the activation that it multiplies, times the error of the neuron it leads to.",
        _BOOK.format("BP4"),
    ),
    Equation(
        "BP4 matrix",
        "dC/dw^l = delta^l (a^{l-1})^T",
        r"\frac{\partial C}{\partial w^l} = \delta^l\, (a^{l-1})^{\mathsf T}",
        "BP4 for all j and k at once: a column times a row.",
        _BOOK.format("BP4"),
    ),
    Equation(
        "U",
        "w <- w - eta * g",
        r"w \leftarrow w - \eta\, g",
        "A step of gradient descent goes against the gradient g of C.",
        _BOOK.format("chapter 1"),
    ),
    Equation(
        "C total",
        "C = sum_x s_x C_x / sum_x s_x + l1 sum |w| + l2/2 sum w^2",
        r"C = \frac{\sum_x s_x C_x}{\sum_x s_x} + \lambda_1 \sum |w| + \frac{\lambda_2}{2} \sum w^2",
        "The cost of a minibatch is the mean over its samples, each with its weight, plus penalties on all weights and "
        "on no bias.",
        "Not in the notes, which look at one sample; fixed here once for the whole library.",
    ),
    Equation(
        "C binary",
        "C_x = -sum_j (y_j ln a_j^L + (1 - y_j) ln(1 - a_j^L))",
        r"C_x = -\sum_j \bigl(y_j \ln a_j^L + (1 - y_j) \ln(1 - a_j^L)\bigr)",
        "Binary cross-entropy, for sigmoid outputs; sigma' cancels, and BP1 becomes a_j^L - y_j.",
        _BOOK.format("chapter 3"),
    ),
    Equation(
        "C categorical",
        "C_x = -sum_j y_j ln a_j^L",
        r"C_x = -\sum_j y_j \ln a_j^L",
        "Categorical cross-entropy, for a softmax output whose targets sum to 1; BP1 becomes a_j^L - y_j.",
        _BOOK.format("chapter 3"),
    ),
    Equation(
        "C Poisson",
        "C_x = sum_j (y_j ln(y_j / a_j^L) - y_j + a_j^L)",
        r"C_x = \sum_j \Bigl(y_j \ln \frac{y_j}{a_j^L} - y_j + a_j^L\Bigr)",
        "Half of Poisson's deviance, for counts y_j whose expectation is a_j^L = e^{z_j^L}; BP1 becomes a_j^L - y_j.",
        _NEITHER,
    ),
    Equation(
        "C absolute",
        "C_x = sum_j |a_j^L - y_j|",
        r"C_x = \sum_j \lvert a_j^L - y_j \rvert",
        "The absolute cost counts distances as they are, not squared; the best constant output is the median.",
        _NEITHER,
    ),
    Equation(
        "C Huber",
        "C_x = sum_j e_j^2 / 2 where e_j = |a_j^L - y_j| <= p, p e_j - p^2 / 2 beyond",
        r"C_x = \sum_j \tfrac{1}{2} e_j^2 \text{ where } e_j = \lvert a_j^L - y_j \rvert \le p,\ "
        r"p\,e_j - \tfrac{1}{2} p^2 \text{ beyond}",
        "Huber's cost is quadratic up to the distance p and absolute beyond, so that no outlier pulls harder than p.",
        _NEITHER,
    ),
    Equation(
        "C quantile",
        "C_x = sum_j max(p (y_j - a_j^L), (1 - p) (a_j^L - y_j))",
        r"C_x = \sum_j \max\bigl(p\,(y_j - a_j^L),\ (1 - p)(a_j^L - y_j)\bigr)",
        "The quantile cost, also called pinball loss: the best constant output is above a part p of the targets.",
        _NEITHER,
    ),
    Equation(
        "C Tweedie",
        "C_x = sum_j y_j^(2-p) / ((1-p) (2-p)) - y_j (a_j^L)^(1-p) / (1-p) + (a_j^L)^(2-p) / (2-p)",
        r"C_x = \sum_j \frac{y_j^{2-p}}{(1-p)(2-p)} - \frac{y_j\,(a_j^L)^{1-p}}{1-p} + \frac{(a_j^L)^{2-p}}{2-p}",
        "Half of Tweedie's deviance, for amounts y_j of which many are 0 and whose variance grows as (a_j^L)^p; p = 1 "
        "is Poisson's, p = 2 that of the gamma distribution.",
        _NEITHER,
    ),
    Equation(
        "softmax",
        "a_j^L = e^{z_j^L} / sum_k e^{z_k^L}",
        r"a_j^L = \frac{e^{z_j^L}}{\sum_k e^{z_k^L}}",
        "Softmax looks at all weighted inputs of the output layer, here including j itself, and its outputs sum to 1.",
        _BOOK.format("chapter 3"),
    ),
)

EQUATIONS: Mapping[str, Equation] = MappingProxyType({equation.label: equation for equation in _ALL})
"""Label -> equation, in the order of the notes; what the notes lack comes last."""
