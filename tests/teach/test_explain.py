"""Every number of an explanation is the kernel's; every rendering says the same; bad input is told what would do."""

from __future__ import annotations

import io
import json
import math
import os
import re
import xml.etree.ElementTree as xml
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nets import SMALL, random_data, random_net, same_bits

import fastbp
from fastbp import textbook
from fastbp.equations import EQUATIONS
from fastbp.teach.drawing import colour, shown_neurons
from fastbp.teach.examples import ETA, worked_example
from fastbp.teach.formula import parse, to_ascii, to_latex, to_mathml
from fastbp.teach.notation import NOTATIONS
from fastbp.teach.page import page
from fastbp.teach.source import Code

GOLDEN = Path(__file__).parent / "golden"
ROUNDS = 4 if SMALL else 15


def single(rng: np.random.Generator, dtype: str) -> tuple[fastbp.Network, np.ndarray, np.ndarray]:
    sizes = [int(n) for n in rng.integers(1, 7 if SMALL else 40, rng.integers(2, 5))]
    net = random_net(rng, sizes, dtype)
    X, Y = random_data(rng, net, 1)
    return net, X, Y


# The numbers


def test_sums_have_the_kernels_bits(dtype: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(ROUNDS):
        net, X, Y = single(rng, dtype)
        t = net.backprop(X, Y)
        for l in range(1, net.L + 1):
            j = int(rng.integers(net.sizes[l]))
            e = fastbp.explain(net, X[0], Y[0], l, j, "z")
            assert same_bits(e.terms.total, t.z[l][0, j])
            assert same_bits(e.result, t.z[l][0, j])
            e = fastbp.explain(net, X[0], Y[0], l, j)
            assert same_bits(e.result, t.delta[l][0, j])
            if l < net.L:
                assert same_bits(e.numbers.values["slope"] * e.terms.total, t.delta[l][0, j])
            k = int(rng.integers(net.sizes[l - 1]))
            assert same_bits(fastbp.explain(net, X[0], Y[0], l, j, "weight", k=k).result, t.w[l][j, k])
            assert same_bits(fastbp.explain(net, X[0], Y[0], l, j, "bias").result, t.b[l][j])


def test_partial_sums_are_those_of_the_kernel(dtype: str) -> None:
    """A net cut down to its first r inputs, or outputs, ends its sum where the explained one stood after r terms."""
    rng = np.random.default_rng(2)
    J, K = (4, 6) if SMALL else (33, 50)
    net = fastbp.Network([K, J, K], dtype=dtype, seed=rng)
    X, Y = random_data(rng, net, 1)
    forward = fastbp.explain(net, X[0], Y[0], 1, 2, "z").terms
    backward = fastbp.explain(net, X[0], Y[0], 1, 2)
    for r in range(1, K + 1):
        cut = fastbp.Network([r, J, r], dtype=dtype, seed=0)
        cut.w[1], cut.b[1] = net.w[1][:, :r], net.b[1]
        assert same_bits(cut.backprop(X[:, :r], Y[:, :r]).z[1][0, 2], forward.running[r - 1])
        cut = fastbp.Network([K, J, r], dtype=dtype, seed=0)
        cut.w[1], cut.b[1], cut.w[2], cut.b[2] = net.w[1], net.b[1], net.w[2][:r], net.b[2][:r]
        delta = cut.backprop(X, Y[:, :r]).delta[1][0, 2]
        assert same_bits(backward.numbers.values["slope"] * backward.terms.running[r - 1], delta)


@pytest.mark.compiled
def test_sums_of_rounded_products_are_other_numbers() -> None:
    """The comparison of bits can fail: a sum that rounds each product first has other ones."""
    rng = np.random.default_rng(3)
    net = fastbp.Network([200, 3], seed=0)
    e = fastbp.explain(net, rng.standard_normal(200), of="z")
    total = e.terms.start
    for product in e.terms.products:
        total += product
    assert not same_bits(total, e.result)


def test_minibatch(dtype: str) -> None:
    rng = np.random.default_rng(4)
    for _ in range(ROUNDS):
        net, _, _ = single(rng, dtype)
        X, Y = random_data(rng, net, int(rng.integers(2, 9)))
        g = net.gradient(X, Y)
        l = int(rng.integers(1, net.L + 1))
        j, k = int(rng.integers(net.sizes[l])), int(rng.integers(net.sizes[l - 1]))
        e = fastbp.explain(net, X, Y, l, j, "weight", k=k)
        assert same_bits(e.result, g.w[l][j, k])
        assert same_bits(e.terms.total * net.dtype.type(1 / len(X)), g.w[l][j, k])
        assert same_bits(fastbp.explain(net, X, Y, l, j, "bias").result, g.b[l][j])
        for x in range(len(X)):
            one = e.sample(x)
            assert math.isclose(one.result, e.terms.products[x], rel_tol=1e-5, abs_tol=1e-30)
        deltas = fastbp.explain(net, X, Y, l, j)
        assert same_bits(deltas.terms.second, net.backprop(X, Y).delta[l][:, j])


def test_update_is_what_training_does(dtype: str) -> None:
    rng = np.random.default_rng(5)
    for _ in range(ROUNDS):
        net, X, Y = single(rng, dtype)
        l = int(rng.integers(1, net.L + 1))
        j, k = int(rng.integers(net.sizes[l])), int(rng.integers(net.sizes[l - 1]))
        weight = fastbp.explain(net, X[0], Y[0], l, j, "update", k=k, learning_rate=0.3)
        bias = fastbp.explain(net, X[0], Y[0], l, j, "update", learning_rate=0.3)
        before = net.w[l][j, k]
        fastbp.train(net, X, Y, optimizer=fastbp.SGD(0.3), epochs=1, batch_size=1)
        assert same_bits(weight.result, net.w[l][j, k])
        assert same_bits(bias.result, net.b[l][j])
        assert weight.numbers.values["old"] == before  # the explanation does not follow the net


def test_penalties_and_sample_weights(dtype: str) -> None:
    rng = np.random.default_rng(8)
    for _ in range(ROUNDS):
        net, _, _ = single(rng, dtype)
        X, Y = random_data(rng, net, int(rng.integers(2, 9)))
        s = rng.uniform(0.5, 2.0, len(X))
        l = int(rng.integers(1, net.L + 1))
        j, k = int(rng.integers(net.sizes[l])), int(rng.integers(net.sizes[l - 1]))
        for extras in ({"l2": 0.3}, {"l1": 0.2}, {"l1": 0.2, "l2": 0.3, "sample_weight": s}, {"sample_weight": s}):
            g = net.gradient(X, Y, **extras)
            e = fastbp.explain(net, X, Y, l, j, "weight", k=k, **extras)
            assert same_bits(e.result, g.w[l][j, k])
            assert same_bits(fastbp.explain(net, X, Y, l, j, "bias", **extras).result, g.b[l][j])
            assert ("penalty" in [step.label for step in e.steps]) == ("l1" in extras or "l2" in extras)
            assert float(e.nudge(1e-4).exact) == pytest.approx(float(e.result), rel=1e-4, abs=1e-7)
        assert same_bits(
            fastbp.explain(net, X, Y, l, j, sample_weight=s).result, net.gradient(X, Y, sample_weight=s).b[l][j]
        )
        step = fastbp.explain(net, X, Y, l, j, "update", k=k, learning_rate=0.3, l1=0.2, l2=0.3, sample_weight=s)
        train = {"epochs": 1, "batch_size": len(X), "shuffle": False, "sample_weight": s, "l1": 0.2, "l2": 0.3}
        fastbp.train(net, X, Y, optimizer=fastbp.SGD(0.3), **train)
        assert same_bits(step.result, net.w[l][j, k])


def test_a_penalty_is_shown_as_a_term() -> None:
    net, x, y = worked_example()
    flat = fastbp.explain(net, x, y, of="update", k=0, learning_rate=0.5, l1=0.1, l2=0.2).text(digits=6)
    assert "dC/dw_jk^l = samples + l2 * w_jk^l + l1 * sign(w_jk^l)" in flat
    assert "dC/dw_{0,0}^1 = 0.000438568 + 0.2 * 0.15 + 0.1 * 1 = 0.130439" in flat
    assert "w_{0,0}^1 <- 0.15 - 0.5 * 0.130439 = 0.0847807" in flat
    assert "a bias is free" in fastbp.explain(net, x, y, of="bias", l2=0.2).text()


def test_averaging_the_samples_is_another_number() -> None:
    net, x, y = worked_example()
    e = fastbp.explain(net, [x, [0.9, 0.2]], [y, [0.99, 0.01]], 1, 0, "weight", k=0)
    assert e.result == pytest.approx(0.0053631, abs=5e-8)
    assert e.numbers.values["averaged"] == pytest.approx(0.0048402, abs=5e-8)


def test_softmax_is_a_sum_that_collapses(dtype: str) -> None:
    rng = np.random.default_rng(6)
    net = fastbp.Network([5, 4], activations="softmax", cost="cross_entropy", dtype=dtype, seed=rng)
    y = np.array([0.1, 0.2, 0.3, 0.4])
    for j in range(4):
        e = fastbp.explain(net, rng.standard_normal(5), y, 1, j)
        assert len(e.terms) == 4
        assert not e.terms.exact
        assert float(e.terms.total) == pytest.approx(float(e.result), abs=float(8 * np.finfo(dtype).eps))
        # The two factors of each term, multiplied by the links of the text: dC/da_k times da_k/dz_j.
        products = e.numbers.values["dC/da"] * e.numbers.values["da/dz"]
        np.testing.assert_allclose(e.terms.products, products, rtol=16 * np.finfo(dtype).eps)


def test_a_saturated_neuron_is_explained() -> None:
    net = fastbp.Network([1, 1, 1], seed=0)
    net.w[1] = [[800.0]]
    e = fastbp.explain(net, [1.0], [0.0])
    assert e.result == 0
    assert "exactly 0" in str(e)
    assert "saturated" in str(e)
    net.w[1], net.b[1] = [[10.0]], [0.0]
    assert "nearly saturated" in str(fastbp.explain(net, [1.0], [0.0]))


# Paths


@pytest.mark.parametrize("sizes", [[2, 2, 2], [2, 3, 3, 2], [3, 4, 1, 3, 2]])
def test_all_paths_add_up_to_delta(sizes: list[int]) -> None:
    net = fastbp.Network(sizes, activations="tanh", seed=3)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(sizes[0]), rng.standard_normal(sizes[-1])
    for l in range(1, net.L + 1):
        for j in range(sizes[l]):
            paths = fastbp.explain(net, x, y, l, j).paths()
            assert len(paths.listed) == paths.number == math.prod(sizes[l + 1 :])
            assert len({path.neurons for path in paths.listed}) == paths.number
            assert paths.total == pytest.approx(paths.delta, rel=1e-14, abs=1e-16)
            assert abs(paths.remainder) <= 1e-15
            assert all(math.prod(path.factors) == path.product for path in paths.listed)
            assert paths.complete


def test_number_of_paths_of_the_examples() -> None:
    net, x, y = worked_example()
    assert fastbp.explain(net, x, y).paths().number == 2
    wider = fastbp.Network([2, 3, 3, 2], seed=0)
    assert fastbp.explain(wider, x, y, 1, 0).paths().number == 6


def test_the_largest_of_very_many_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search finds what listing all would have found first."""
    net = fastbp.Network([3, 7, 6, 5, 4], activations=["tanh", "relu", "sigmoid", "sigmoid"], seed=5)
    e = fastbp.explain(net, [0.3, -1.0, 2.0], [0, 1, 0, 1], 1, 4)
    every = e.paths()
    assert every.complete
    monkeypatch.setattr("fastbp.teach.paths.MOST", 10)
    best = e.paths(7)
    assert best.number == every.number == 120
    assert [path.neurons for path in best.listed] == [path.neurons for path in every.listed[:7]]
    assert best.remainder == pytest.approx(every.total - best.total, rel=1e-12)
    assert "exactly" in best.search
    assert "all others" in str(best)


def test_paths_need_one_sample_with_a_target() -> None:
    net, x, y = worked_example()
    with pytest.raises(ValueError, match=r"sample\(x\)"):
        fastbp.explain(net, [x, x], [y, y]).paths()
    with pytest.raises(ValueError, match="no target"):
        fastbp.explain(net, x, of="z").paths()


# Nudges


def test_nudges_of_the_worked_example() -> None:
    """Errors of the centred difference 7.2e-6, 7.2e-8, ... for h = 0.1, 0.01, ...; of the forward one 6.8e-5, ..."""
    net, x, y = worked_example()
    nudge = fastbp.explain(net, x, y).nudge()
    absolute = [d.centred_error * nudge.exact for d in nudge.sweep]
    for found, expected in zip(absolute, [7.2e-6, 7.2e-8, 7.2e-10], strict=False):
        assert found == pytest.approx(expected, rel=0.01)
    assert nudge.sweep[0].forward_error * nudge.exact == pytest.approx(6.8e-5, rel=0.01)
    assert nudge.sweep[-1].centred_error > 100 * nudge.best.centred_error
    assert 1e-6 <= nudge.best.h <= 1e-4
    assert nudge.exact == pytest.approx(0.00877135468948693, rel=1e-14)
    xml.fromstring(nudge.svg())
    assert "bias moves its weighted input" in nudge.what


def test_nudges_of_weights_and_of_float32(dtype: str) -> None:
    rng = np.random.default_rng(7)
    net = fastbp.Network([3, 4, 2], dtype=dtype, seed=rng)
    X, Y = random_data(rng, net, 3)
    for e in (
        fastbp.explain(net, X, Y, 1, 2, "weight", k=1),
        fastbp.explain(net, X, Y, 2, 1, "bias"),
        fastbp.explain(net, X[0], Y[0], 1, 1),
    ):
        nudge = e.nudge(1e-4)
        assert nudge.at.centred_error < 1e-5
        assert nudge.exact == pytest.approx(float(e.result), rel=1e-5)
    with pytest.raises(ValueError, match="each with a z"):
        fastbp.explain(net, X, Y, 1, 1).nudge()


# Source


def places(codes: tuple[Code, ...]) -> list[str]:
    return [f"{code.file.removeprefix('fastbp/kernels/')}: {code.name}" for code in codes]


def test_source_is_that_of_the_functions_that_ran() -> None:
    net, x, y = worked_example()
    source = fastbp.explain(net, x, y).source()
    assert source.index_form == EQUATIONS["BP2"].ascii
    assert source.matrix_form == EQUATIONS["BP2 matrix"].ascii
    package = Path(fastbp.__file__).parent.parent
    for code in (*source.textbook, *source.kernel):
        assert code.text in (package / code.file).read_text()
    assert [code.name for code in source.textbook] == ["hidden_error"]
    gemm = ["gemm/gemm.py: gemm", "gemm/microkernel.py: micro_kernel"]
    assert places(source.kernel) == ["dense.py: hidden_error", *gemm]
    for of, k, label, expected in (
        ("z", None, "F1", ["dense.py: weighted_input", "dense.py: activation", *gemm]),
        ("bias", None, "BP3", ["dense.py: bias_gradient", "gemm/row_sums.py: row_sums", "gemm/row_sums.py: sum_rows"]),
        ("weight", 0, "BP4", ["dense.py: weight_gradient", *gemm]),
        ("update", 0, "U", ["dense.py: weight_gradient", "updates.py: sgd", *gemm]),
    ):
        found = fastbp.explain(net, x, y, of=of, k=k).source()
        assert EQUATIONS[label].ascii in found.index_form
        assert found.textbook
        assert places(found.kernel) == expected
    assert places(fastbp.explain(net, x, y, layer=net.L).source().kernel) == ["dense.py: output_error"]


def test_source_side_by_side() -> None:
    net, x, y = worked_example()
    html = fastbp.explain(net, x, y).source()._repr_html_()
    xml.fromstring(html)
    marked = re.findall("<mark>(.*?)</mark>", html)
    assert marked[0].strip() == "delta[j] = fma(w_next[k, j], delta_next[k], delta[j])"
    assert "put_vector(acc, i, v, vector(acc, i, v) + a[i, k] * vector(b, k, v))" in [
        line.strip() for line in marked[1:]
    ]
    assert html.index("index form") < html.index("matrix form") < html.index("textbook") < html.index("kernel that ran")


def test_what_a_prompt_shows_is_text() -> None:
    """Thousands of paths, or arrays of a wide layer, do not flood it."""
    net = fastbp.Network([2, 30, 30, 10], seed=0)
    e = fastbp.explain(net, [1.0, 2.0], 3)
    paths = e.paths()
    assert len(paths.listed) == 300
    assert repr(paths) == str(paths)
    assert len(repr(paths).splitlines()) < 30
    assert repr(e.nudge()) == str(e.nudge())
    assert len(repr(e.source()).splitlines()) == len(repr(e).splitlines()) == 1
    wide = fastbp.explain(fastbp.Network([784, 2], seed=0), np.ones(784), of="z")
    assert repr(wide.terms) == f"<Sum over k of 784 terms: {wide.result}>"
    assert "\n" not in repr(wide.numbers)


# Formulas


def test_formulas_read_as_the_equations_do() -> None:
    """ASCII made from an equation's LaTeX is the equation's own ASCII, but for spaces and written products."""

    def bare(text: str) -> str:
        return re.sub(r"[\s*{}]|\((?=sum)|(?<=})\)", "", text)

    same = [e.label for e in EQUATIONS.values() if bare(to_ascii(e.latex)) == bare(e.ascii)]
    assert set(same) >= {
        "delta",
        "C",
        "F1",
        "F2",
        "link 1",
        "link 2",
        "I",
        "BP1",
        "BP2",
        "BP2 sum",
        "BP2 matrix",
        "BP4",
    }
    for e in EQUATIONS.values():
        xml.fromstring(to_mathml(e.latex))


def test_numbers_in_formulas() -> None:
    assert to_ascii(r"x = \num{1.25e-07}") == "x = 1.25e-07"
    assert to_latex(r"x = \num{1.25e-07}") == r"x = 1.25 \times 10^{-7}"
    assert to_latex(r"\num{0.123456}", 3) == "0.123"
    assert "<mn>10</mn>" in to_mathml(r"\num{1e-07}")
    with pytest.raises(ValueError, match="nosuch"):
        parse(r"\nosuch")
    with pytest.raises(ValueError, match="end"):
        parse(r"{x")


# Renderings


def rounded(text: str) -> str:
    """Numbers to seven digits: the last ones differ where there is no fused multiply-add."""

    def short(match: re.Match[str]) -> str:
        return match[0] if len(match[0].strip("-0.")) < 8 else f"{float(match[0]):.7g}"

    return re.sub(r"-?\d+\.\d+(?:e-?\d+)?", short, text)


def rich_text(e: fastbp.teach.Explanation) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=110, force_terminal=False, color_system=None)
    console.print(e)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


RENDERINGS = (
    *(f"hidden.{form}" for form in ("txt", "rich.txt", "tex", "md", "html", "svg", "json", "bishop.txt", "row.txt")),
    *("hidden.digits.txt", "output.txt", "binary.txt", "softmax.txt", "z.bishop.txt", "z.wide.txt", "minibatch.txt"),
    *("minibatch.delta.txt", "update.txt", "paths.txt", "page.html"),
)


def renderings() -> dict[str, str]:
    net, x, y = worked_example()
    soft = fastbp.Network([2, 3, 3], activations=["tanh", "softmax"], cost="cross_entropy", seed=0)
    soft.w[1], soft.w[2] = np.arange(6).reshape(3, 2) / 10, np.arange(9).reshape(3, 3) / 10
    binary = fastbp.Network([2, 2], cost="cross_entropy", seed=0)
    binary.w[1] = [[1, 2], [3, 4]]
    wide = fastbp.Network([30, 2], seed=0)
    wide.w[1] = np.linspace(-1, 1, 60).reshape(2, 30)
    hidden = fastbp.explain(net, x, y)
    batch = [x, [0.9, 0.2]], [y, [0.99, 0.01]]
    return {
        "hidden.txt": hidden.text(),
        "hidden.rich.txt": rich_text(hidden),
        "hidden.tex": hidden.latex(),
        "hidden.md": hidden.markdown(),
        "hidden.html": hidden.html(),
        "hidden.svg": hidden.svg(),
        "hidden.json": hidden.json(),
        "hidden.bishop.txt": hidden.in_notation("bishop").text(),
        "hidden.row.txt": hidden.in_notation("row").text(),
        "hidden.digits.txt": hidden.text(digits=4),
        "output.txt": fastbp.explain(net, x, y, 2, 1).text(),
        "binary.txt": fastbp.explain(binary, x, [0.0, 1.0], 1, 0).text(),
        "softmax.txt": fastbp.explain(soft, x, 2, 2, 1).text(),
        "z.bishop.txt": fastbp.explain(net, x, of="z", notation="bishop").text(),
        "z.wide.txt": fastbp.explain(wide, np.linspace(0, 1, 30), of="z").text(),
        "minibatch.txt": fastbp.explain(net, *batch, 1, 0, "weight", k=0).text(),
        "minibatch.delta.txt": fastbp.explain(net, *batch, 1, 0).text(),
        "update.txt": fastbp.explain(net, x, y, 2, 0, "update", k=1, learning_rate=ETA).text(),
        "paths.txt": str(hidden.paths()),
        "page.html": page(net, x, y, learning_rate=ETA),
    }


@pytest.mark.compiled
@pytest.mark.parametrize("name", RENDERINGS)
def test_golden(name: str) -> None:
    """With FASTBP_WRITE_GOLDEN=1 the files are written instead; look at them before they are kept."""
    text, path = rounded(renderings()[name]), GOLDEN / name
    if os.environ.get("FASTBP_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_golden_has_every_rendering() -> None:
    others = {"bits.json", "regressor-0.1.0.pickle"}
    assert set(renderings()) == set(RENDERINGS) == {path.name for path in GOLDEN.iterdir()} - others


def test_a_changed_digit_is_not_golden() -> None:
    text = renderings()["hidden.txt"]
    assert rounded(text.replace("0.00877135", "0.00877136")) != (GOLDEN / "hidden.txt").read_text(encoding="utf-8")


ABOUT = "Backpropagation, term by term."


def test_every_rendering_begins_and_counts_alike() -> None:
    net, x, y = worked_example()
    for of in ("z", "delta", "bias", "update"):
        e = fastbp.explain(net, x, y, of=of)
        for form in (e.text(), e.latex(), e.markdown(), rich_text(e)):
            assert form.strip("*").startswith(ABOUT)
            assert re.search(r"j\s+and\s+k\s+count\s+from\s+0", form)
            assert re.search(r"l = 0\s+is\s+the\s+input", form)
        html, svg = e.html(), e.svg()
        for form in (html, svg, e.json(), page(net, x, y)):
            assert ABOUT in form
            assert "j and k count from 0" in form
            assert "l = 0 is the input" in form
        assert str(e) == e.text()
        assert e._repr_html_() == html
        assert e._repr_latex_() == e.latex()
        assert e._repr_markdown_() == e.markdown()


def test_results_are_in_every_rendering_with_all_digits(dtype: str) -> None:
    rng = np.random.default_rng(8)
    net, X, Y = single(rng, dtype)
    e = fastbp.explain(net, X[0], Y[0], 1, 0)
    exact = str(e.result)
    for form in (e.text(), e.html(), e.svg(), rich_text(e)):
        assert exact in form
    assert np.dtype(dtype).type(json.loads(e.json())["result"]) == e.result


def test_json_holds_the_exact_numbers(dtype: str) -> None:
    rng = np.random.default_rng(9)
    net, X, Y = single(rng, dtype)
    e = fastbp.explain(net, X[0], Y[0], 1, 0, "z")
    read = json.loads(e.json())
    assert same_bits(np.array(read["sum"]["running"], dtype), e.terms.running)
    assert same_bits(np.array(read["sum"]["first"], dtype), e.terms.first)
    assert read["steps"][0]["formulas"] == [EQUATIONS["F1"].ascii]


def test_notations_change_letters_and_no_number() -> None:
    rng = np.random.default_rng(10)
    net, X, Y = single(rng, "float64")
    number = re.compile(r"(?<![\d_{^,])-?\d+\.\d{6,}(?:e-?\d+)?")
    for of in ("z", "delta", "bias", "update"):
        e = fastbp.explain(net, X[0], Y[0], 1, 0, of)
        found = {name: number.findall(e.in_notation(name).text()) for name in NOTATIONS}
        assert found["nielsen"] == found["bishop"] == found["row"]
        assert found["nielsen"]
        assert e.in_notation("bishop").in_notation("nielsen").text() == e.text()
    e = fastbp.explain(net, X[0], Y[0], 1, 0, "weight", k=0)
    assert "w_jk^l" in e.text()
    assert "w_ji^{(l)}" in e.in_notation("bishop").text()
    assert "w_kj^l" in e.in_notation("row").text()
    with pytest.raises(ValueError, match="Did you mean 'bishop'"):
        e.in_notation("bischop")


def test_wide_layers_do_not_flood_the_screen() -> None:
    net = fastbp.Network([784, 3], seed=0)
    e = fastbp.explain(net, np.linspace(-1, 1, 784), of="z")
    for form in (e.text(), e.markdown(), rich_text(e)):
        assert len(form.splitlines()) < 70
        assert "772 of 784 terms are hidden" in re.sub(r"\s+", " ", form)
        assert "terms=None" in form
    assert e.svg().count("<circle") + e.svg().count("<rect") < 20
    assert len(e.text(terms=None).splitlines()) > 784
    assert len(page(net, np.zeros(784), [0, 0, 1])) < 400_000


class Balance(HTMLParser):
    """That tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "link", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_markup_is_well_formed_and_names_are_escaped() -> None:
    net, x, y = worked_example()
    e = fastbp.explain(net, x, y)
    parser = Balance()
    parser.feed(e.html())
    assert parser.open == []
    xml.fromstring(e.svg())
    assert "<script" not in e.html()
    assert "http" not in e.html().replace("http://www.w3.org/", "")
    assert "<b>x</b>" not in page(net, x, y, title="<b>x</b>")


def test_drawing_says_the_sign_in_shape_and_colour() -> None:
    net, x, y = worked_example()
    drawing = fastbp.explain(net, x, y).svg()
    namespace = "{http://www.w3.org/2000/svg}"
    root = xml.fromstring(drawing)
    delta = net.backprop(x[None], y[None]).delta
    for l, j in ((1, 0), (1, 1), (2, 0), (2, 1)):
        (group,) = [g for g in root.iter(f"{namespace}g") if g[0].text.startswith(f"delta_{j}^{l} = ")]
        assert group[1].tag == namespace + ("rect" if delta[l][0, j] < 0 else "circle")
    assert colour(1.0, 1.0) != colour(-1.0, 1.0)
    assert colour(0.0, 1.0) == "#f7f7f7"
    assert shown_neurons(30, 8, 17) == [0, 1, 2, 3, 4, 5, 17, 29]
    assert shown_neurons(30, 8, 29) == [0, 1, 2, 3, 4, 5, 29]
    assert shown_neurons(3, 8, None) == [0, 1, 2]


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": 0}, r"layer is 0, the input.*Pass a layer in 1\.\.2"),
        ({"layer": 3}, r"layer is 3; this network has layers 0 \(the input\) to 2"),
        ({"layer": -1}, r"layer is -1"),
        ({"layer": 1.5}, "whole number"),
        ({"neuron": 2}, r"layer 1 has 2 neurons, 0\.\.1\. The last one is neuron=1, because they count from 0"),
        ({"neuron": -1}, r"neuron is -1"),
        ({"of": "detla"}, "Did you mean 'delta'"),
        ({"of": "weight"}, r"without k.*Pass k in 0\.\.1"),
        ({"of": "weight", "k": 2}, r"k is 2; layer 0 has 2 neurons"),
        ({"of": "delta", "k": 1}, "Leave it out"),
        ({"x": [1.0, 2.0, 3.0]}, r"x has 3 columns; this network's layer 0 has 2 neurons"),
        ({"x": [1.0, math.nan]}, "x has nan in row 0"),
        ({"y": None}, "needs a target"),
        ({"y": [1.0, 2.0, 3.0]}, "3 columns"),
        ({"y": 7}, r"label"),
        ({"net": "net"}, "net is 'net'; a network is needed"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"cost": "cross"}, "cost is 'cross'"),
        ({"l2": 0.1}, "l2 is 0.1, and of is 'delta': a penalty adds to the gradient of a weight.*of='weight'"),
        ({"l1": 0.1, "of": "z"}, "l1 is 0.1, and of is 'z'"),
        ({"l2": -1, "of": "update"}, "l2 is -1"),
        ({"sample_weight": [2.0]}, "there is one sample: its weight cancels. Leave it out"),
    ],
)
def test_bad_input_is_told_what_would_do(arguments: dict[str, Any], message: str) -> None:
    net, x, y = worked_example()
    given = {"net": net, "x": x, "y": y} | arguments
    with pytest.raises((ValueError, TypeError), match=message):
        fastbp.explain(**given)


def test_labels_are_targets_too() -> None:
    net = fastbp.Network([2, 3], activations="softmax", cost="cross_entropy", seed=0)
    a = fastbp.explain(net, [1.0, 2.0], 2)
    b = fastbp.explain(net, [1.0, 2.0], [0.0, 0.0, 1.0])
    assert a.result == b.result
    e = fastbp.explain(net, [[1.0, 2.0], [3.0, 4.0]], [2, 0])
    assert e.sample(1).result == e.terms.second[1]


def test_cost_in_place_of_the_nets() -> None:
    net, x, y = worked_example()
    e = fastbp.explain(net, x, y, 2, 0, cost="cross_entropy")
    assert e.result == net.backprop(x[None], y[None], cost="cross_entropy").delta[2][0, 0]
    assert net.cost == "quadratic"
    w, b = [np.array(w) for w in net.w], [np.array(b) for b in net.b]
    assert e.result == textbook.backprop(w, b, x, y, cost="cross_entropy").delta[1][0]
