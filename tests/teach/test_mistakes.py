"""Mistakes get the name they have, in any activation and precision, one sample or several; and nothing gets another."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import wrong
from nets import SMALL
from solutions import NUMPY, numpy_solution

import fastbp
from fastbp.teach import MISTAKES

CASES = [
    pytest.param(kind, names, settings, id=f"{what} ({i})")
    for i, (group, settings) in enumerate(wrong.GROUPS)
    for what, (kind, names) in group.items()
]


def tried(what: str, settings: Any) -> Any:
    """As plain Python one setting; compiled, one of each activation, precisions and minibatches in turn."""
    settings = [one for one in settings if (what, one[0]) not in wrong.SAME]
    picked = [one for i, one in enumerate(settings) if i % 2 == (i // 2) % 2 or len(settings) == 1]
    return [(*one, (np.float64, np.float32)[i % 2]) for i, one in enumerate(picked[:1] if SMALL else picked)]


@pytest.mark.parametrize(("kind", "names", "settings"), CASES)
def test_the_mistake_gets_its_name(kind: Any, names: Any, settings: Any, request: pytest.FixtureRequest) -> None:
    what = request.node.callspec.id.rpartition(" (")[0]
    for activation, cost, batch, dtype in tried(what, settings):
        check = fastbp.check_backprop(kind(activation, dtype), batch, activations=activation, cost=cost)
        assert not check.passed
        assert {mistake.name for mistake in check.mistakes} == set(names), str(check)
        assert check.mistake is check.mistakes[0]
        labels = [mistake.equation.partition(",")[0] for mistake in check.mistakes]
        assert check.first_wrong == labels[0]
        assert all(mistake.fix in re.sub(r"\s+", " ", str(check)) for mistake in check.mistakes)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("other", [name for name in NUMPY if name not in ("sigmoid", "exp")])
def test_what_is_right_for_another_activation_is_told_so(other: str, dtype: Any) -> None:
    mine = numpy_solution(other, "quadratic", dtype)
    check = fastbp.check_backprop(mine)
    assert [mistake.name for mistake in check.mistakes] == ["another-activation"], str(check)
    assert f"{other} in every layer" in check.mistakes[0].title
    assert fastbp.check_backprop(mine, activations=other)


def test_an_epsilon_beside_softmax_is_no_other_cost() -> None:
    """Poisson's cost of outputs that add up to 1 has the gradient of the cross-entropy."""

    class Epsilon(wrong.Learner):
        def at_output(self) -> Any:
            a = self.a[self.L]
            e = -self.y / (a + 1e-6)
            return a * (e - (a * e).sum(axis=1, keepdims=True))

    check = fastbp.check_backprop(Epsilon("softmax"), activations="softmax", cost="cross_entropy", seed=3)
    assert not check.passed
    assert check.mistakes == ()
    assert "an epsilon" in check.message


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_errors_shared_out_by_weights_are_named_with_and_without_a_turned_sign(activation: str, batch: bool) -> None:
    """In double precision: some weights add up to nearly 0, and single precision loses their shares."""

    class Shared(wrong.Learner):
        def back(self, l: int) -> Any:
            w = self.w[l + 1]
            return self.delta[l + 1] @ (w / w.sum(axis=1, keepdims=True))

    class Turned(Shared):
        def at_output(self) -> Any:
            return self.y - self.a[self.L]

    for kind, names in ((Shared, ["error-shared"]), (Turned, ["y-minus-a", "error-shared"])):
        check = fastbp.check_backprop(kind(activation), batch, activations=activation)
        assert [mistake.name for mistake in check.mistakes] == names, str(check)


@pytest.mark.parametrize(
    ("detail", "sigma", "slope"),
    [
        ("2 sigmoid(z) - 1", lambda z: 2 / (1 + np.exp(-z)) - 1, lambda a: (1 + a) * (1 - a) / 2),
        ("1.7159 tanh(2 z / 3)", lambda z: 1.7159 * np.tanh(z * 2 / 3), lambda a: (1.7159**2 - a * a) * 2 / 3 / 1.7159),
    ],
)
def test_sigmoids_of_older_books_are_known(detail: str, sigma: Any, slope: Any) -> None:
    class Older(wrong.Learner):
        def sigma(self, z: Any, l: int) -> Any:
            return sigma(z)

        def slope(self, l: int) -> Any:
            return slope(self.a[l])

    check = fastbp.check_backprop(Older("tanh"), activations="tanh")
    assert [mistake.name for mistake in check.mistakes] == ["another-activation"], str(check)
    assert f"{detail} in every layer" in check.mistakes[0].title


def test_the_slope_of_relu_kept_for_a_leaky_one_is_named() -> None:
    class Kept(wrong.Learner):
        def slope(self, l: int) -> Any:
            return NUMPY["relu"][1](self.z[l], self.a[l])

    check = fastbp.check_backprop(Kept("leaky_relu"), activations="leaky_relu")
    assert [mistake.name for mistake in check.mistakes] == ["slope-of-another"], str(check)
    assert "relu." in check.mistakes[0].title


def mixed(hidden: str, output: str) -> Any:
    class Mixed(wrong.Learner):
        def sigma(self, z: Any, l: int) -> Any:
            return NUMPY[output if l == self.L else hidden][0](z)

        def slope(self, l: int) -> Any:
            return NUMPY[output if l == self.L else hidden][1](self.z[l], self.a[l])

    return Mixed()


def test_other_activations_in_hidden_layers_or_outputs_alone() -> None:
    for hidden, output, told in (
        ("tanh", "sigmoid", "tanh in hidden layers"),
        ("sigmoid", "identity", "identity outputs"),
        ("leaky_relu", "identity", "leaky_relu in hidden layers, identity outputs"),
    ):
        check = fastbp.check_backprop(mixed(hidden, output), True)
        assert [mistake.name for mistake in check.mistakes] == ["another-activation"], str(check)
        assert told in check.mistakes[0].title
        assert check.first_wrong == "F2"


def test_another_cost_is_told_so() -> None:
    # The sign of the error: the absolute error's gradient; the quadratic cost on softmax, by its whole Jacobian.
    check = fastbp.check_backprop(wrong.QUADRATIC["the sign of the error only"][0]())
    assert "the absolute error" in check.mistakes[0].title
    assert check.first_wrong == "BP1"
    # On probabilities, cross-entropy's gradient is the quadratic cost's without sigma': that mistake is the likelier.
    check = fastbp.check_backprop(numpy_solution("sigmoid", "cross_entropy"))
    assert [mistake.name for mistake in check.mistakes] == ["no-output-slope"]
    check = fastbp.check_backprop(numpy_solution("exp", "poisson"), activations="exp")
    assert [mistake.name for mistake in check.mistakes] == ["no-output-slope"]


def test_the_slope_of_sigmoid_kept_with_tanh() -> None:
    kept = wrong.change(slope=lambda m, l: m.a[l] * (1 - m.a[l]))
    for batch in (False, True):
        check = fastbp.check_backprop(kept("tanh"), batch, activations="tanh")
        assert [mistake.name for mistake in check.mistakes] == ["slope-of-another"]
        assert "sigmoid" in check.mistakes[0].title


def test_gelu_by_its_tanh_approximation_is_told_so() -> None:
    def inside(z: Any) -> Any:
        return np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)

    def slope(m: Any, l: int) -> Any:
        z, t = m.z[l], np.tanh(inside(m.z[l]))
        return (1 + t) / 2 + z / 2 * (1 - t * t) * np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)

    kind = wrong.change(sigma=lambda m, z, l: z / 2 * (1 + np.tanh(inside(z))), slope=slope)
    check = fastbp.check_backprop(kind("gelu"), activations="gelu")
    assert [mistake.name for mistake in check.mistakes] == ["another-activation"], str(check)
    assert "the tanh approximation of gelu" in check.mistakes[0].title


def test_inputs_that_go_through_sigma_and_weights_turned_going_forward() -> None:
    class Activated(wrong.Learner):
        def weighted(self, l: int) -> Any:
            self.a[0] = NUMPY[self.hidden][0](self.x)
            return super().weighted(l)

    assert fastbp.check_backprop(Activated()).mistake.name == "inputs-activated"  # type: ignore[union-attr]
    turned = wrong.change(weighted=lambda m, l: m.a[l - 1] @ m.w[l] + m.b[l])
    check = fastbp.check_backprop(turned())
    assert check.mistake is not None
    assert (check.mistake.name, check.first_wrong) == ("w-transposed-forward", "F1")


def formula_of(a: Any) -> Any:
    return a * (1 - a)


def test_rarer_mistakes() -> None:
    own = wrong.change(back=lambda m, l: m.delta[l + 1] @ m.w[l])
    twice = wrong.change(weights=lambda m, l: m.delta[l].T @ NUMPY[m.hidden][0](m.a[l - 1]))
    times = wrong.change(biases=lambda m, l: m.delta[l].sum(axis=0) * m.b[l])
    below = wrong.change(times_hidden_slope=lambda m, e, l: e * formula_of(m.a[l - 1]))
    negated = wrong.change(slope=lambda m, l: m.a[l] * (m.a[l] - 1))
    folded = wrong.change(back=lambda m, l: m.delta[l + 1] @ m.w[l + 1].reshape(m.w[l + 1].shape[::-1]).T)
    refolded = wrong.change(weights=lambda m, l: (m.a[l - 1].T @ m.delta[l]).reshape(m.w[l].shape))
    late = wrong.change(weights=lambda m, l: (m.error if l == m.L else m.delta)[l].T @ m.a[l - 1])
    idle = wrong.change(biases=lambda m, l: m.delta[l].sum(axis=0) * (l == m.L))
    cut = wrong.change(
        back=lambda m, l: np.hstack([m.delta[l + 1] @ m.w[l + 1], m.delta[l + 1] @ m.b[l + 1][:, None]])[:, 1:]
    )
    for kind, name, label in (
        (own, "own-weights", "BP2"),
        (twice, "activated-twice", "BP4"),
        (times, "bias-times-b", "BP3"),
        (below, "slope-of-wrong-layer", "BP2"),
        (negated, "slope-negated", "BP1"),
        (folded, "reshaped", "BP2"),
        (refolded, "reshaped", "BP4"),
        (late, "error-not-delta", "BP4"),
        (idle, "no-bias-gradient", "BP3"),
        (cut, "bias-unit", "BP2"),
    ):
        check = fastbp.check_backprop(kind())
        assert ([mistake.name for mistake in check.mistakes], check.first_wrong) == ([name], label), str(check)
    means = wrong.change(weights=lambda m, l: m.n * np.outer(m.delta[l].mean(axis=0), m.a[l - 1].mean(axis=0)))
    check = fastbp.check_backprop(means(), True)
    assert ([mistake.name for mistake in check.mistakes], check.first_wrong) == (["averages-multiplied"], "averaging")
    one_term = wrong.change(times_output_slope=lambda m, e: -m.y * (1 - m.a[m.L]))
    check = fastbp.check_backprop(one_term(), cost="cross_entropy")
    assert [mistake.name for mistake in check.mistakes] == ["half-cross-entropy"]


def test_slopes_with_greater_or_equal() -> None:
    at_z = wrong.change(slope=lambda m, l: (m.z[l] >= 0).astype(m.dtype))
    for dtype in (np.float64, np.float32):
        for batch in (False, True):
            check = fastbp.check_backprop(at_z("relu", dtype), batch, activations="relu")
            assert [mistake.name for mistake in check.mistakes] == ["slope-at-zero"], str(check)
            assert "z = 0" in check.message
    # Asked of a, which is never negative, it is no slope at all.
    at_a = wrong.change(slope=lambda m, l: (m.a[l] >= 0).astype(m.dtype))
    check = fastbp.check_backprop(at_a("relu"), activations="relu")
    assert [mistake.name for mistake in check.mistakes] == ["no-slope"]
    assert "a >= 0" in str(check)


def test_numbers_found_by_fitting_are_told() -> None:
    for what, number in (
        ("new parameters", "eta is 0.2"),
        ("l2 of the weights", "lambda is 0.05"),
        ("minus eta times the gradient", "eta is -0.1"),
        ("weights moved before BP2", "eta is 0.3"),
    ):
        check = fastbp.check_backprop(wrong.ANY[what][0]())
        assert number in check.mistakes[0].why


def test_what_is_in_no_catalogue_gets_no_name() -> None:
    cubed = wrong.change(at_output=lambda m: (m.a[m.L] - m.y) ** 3)
    half = wrong.change(biases=lambda m, l: 0.7 * m.delta[l].sum(axis=0))
    swapped = wrong.change(weights=lambda m, l: m.delta[l][:, ::-1].T @ m.a[l - 1])
    damped = wrong.change(times_hidden_slope=lambda m, e, l: e * m.slope(l) * np.cos(m.z[l]))
    for kind, label in ((cubed, "BP1"), (half, "BP3"), (swapped, "BP4"), (damped, "BP2")):
        check = fastbp.check_backprop(kind())
        assert not check.passed
        assert not check.mistakes, str(check)
        assert check.first_wrong == label
        assert "none of the known mistakes" in re.sub(r"\s+", " ", str(check))


def test_diagnose_blames_only_the_layer_that_is_wrong() -> None:
    rng = np.random.default_rng(0)
    net = fastbp.Network([3, 4, 3, 2], seed=1)
    x, y = rng.standard_normal(3), rng.random(2)
    for what, blamed in (
        ("sigma' at a in hidden layers", "BP2"),
        ("no sigma' in the output layer", "BP1"),
        ("biases summed over the neurons", "BP3"),
        ("z in the place of a", "BP4"),
    ):
        kind = (wrong.ANY | wrong.QUADRATIC)[what][0]
        w, b = kind()(net.w, net.b, x, y)
        found = fastbp.diagnose(net, x, y, w, b)
        assert [mistake.equation for mistake in found.mistakes] == [blamed], str(found)
    # sigma' at a everywhere, and only the output layer's numbers given: of hidden layers nothing is known.
    w, b = wrong.QUADRATIC["sigma' at a"][0]()(net.w, net.b, x, y)
    found = fastbp.diagnose(net, x, y, w={3: w[3]}, b={3: b[3]})
    assert [(mistake.name, mistake.equation) for mistake in found.mistakes] == [("slope-at-a", "BP1")]
    # Right numbers of some layers are right.
    right = numpy_solution("sigmoid", "quadratic")(net.w, net.b, x, y)
    assert fastbp.diagnose(net, x, y, w={1: right[0][0]}, b={3: right[1][2]}).correct


def test_diagnose_names_two_mistakes_with_a_fitted_number() -> None:
    net = fastbp.Network([3, 4, 3, 2], seed=1)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(3), rng.random(2)
    kind, names = wrong.QUADRATIC["no sigma' at the output and weights moved early"]
    found = fastbp.diagnose(net, x, y, *kind()(net.w, net.b, x, y))
    assert set(names) in [{one.name, other.name} for one, other in found.pairs]


def test_every_mistake_is_told_in_full() -> None:
    for name, mistake in MISTAKES.items():
        assert mistake.name == name
        assert all(text.endswith((".", ")")) or "[" in text or "(" in text for text in (mistake.title, mistake.why))
        assert not re.search(r"[{]{2}|[}]{2}", mistake.title + mistake.why + mistake.fix)
