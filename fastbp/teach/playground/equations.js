// One equation of the chosen neuron, with its numbers: the sum over k a row a term, every weight a field.
import { COSTS } from "./functions.js";
import { pythonOf } from "./code.js";
import { RIGHT, rightRules } from "./network.js";
import { shown } from "./drawing.js";

export const LABELS = ["F1", "F2", "C", "BP1", "BP2", "BP3", "BP4", "U"];

/** Lines of network.js that belong to an equation. */
const LINES_OF = {
  F1: ["bias", "F1"],
  F2: ["input", "F2"],
  C: [],
  BP1: ["error", "BP1"],
  BP2: ["back", "sum", "BP2"],
  BP3: ["BP3"],
  BP4: ["rows", "columns", "BP4"],
  U: ["add", "mean_w", "mean_b", "returned", "U"],
};

const mi = text => `<mi>${text}</mi>`,
  mn = text => `<mn>${text}</mn>`,
  mo = text => `<mo>${text}</mo>`;
const both = (base, sub, sup) => `<msubsup>${mi(base)}<mrow>${sub}</mrow><mrow>${sup}</mrow></msubsup>`;
const less = v => (v === "l" ? `${mi("l")}${mo("−")}${mn(1)}` : mn(v - 1)),
  more = v => (v === "l" ? `${mi("l")}${mo("+")}${mn(1)}` : mn(v + 1));
const id = v => (typeof v === "number" ? mn(v) : mi(v));
const w = (j, k, sup) => both("w", `${id(j)}${id(k)}`, sup),
  symbol = (letter, j, sup) => both(letter, id(j), sup);
const sumOver = `<munder>${mo("∑")}${mi("k")}</munder>`;
const rate = (top, bottom) => `<mfrac><mrow>${mo("∂")}${mi(top)}</mrow><mrow>${mo("∂")}${bottom}</mrow></mfrac>`;
const prime = z => `<msup>${mi("σ")}${mo("′")}</msup>${mo("(")}${z}${mo(")")}`;
const math = inner => `<div class="formula"><math displaystyle="true"><mrow>${inner}</mrow></math></div>`;

/** The equation in letters, of neuron j of layer l. */
function formula(label, { l, j, net }) {
  const L = net.sizes.length - 1,
    at = mn(l),
    a = `<msub>${mi("a")}${id(j)}</msub>`,
    cancels = COSTS[net.cost].cancels,
    soft = net.activations[l] === "softmax";
  const mean = top => rate("C", top);
  return math(
    {
      F1: () =>
        `${symbol("z", j, at)}${mo("=")}${symbol("b", j, at)}${mo("+")}${sumOver}${w(j, "k", at)}${symbol("a", "k", less(l))}`,
      F2: () =>
        `${symbol("a", j, at)}${mo("=")}${soft ? `<mfrac><msup>${mi("e")}${symbol("z", j, at)}</msup><mrow>${sumOver}<msup>${mi("e")}${symbol("z", "k", at)}</msup></mrow></mfrac>` : `${mi("σ")}${mo("(")}${symbol("z", j, at)}${mo(")")}`}`,
      C: () => `${mi("C")}${mo("=")}${COST_FORMULAS[soft ? "softmax" : net.cost]}`,
      BP1: () =>
        `${symbol("δ", j, at)}${mo("=")}${cancels ? `${rate("C", symbol("z", j, at))}` : `${rate("C", symbol("a", j, at))}${prime(symbol("z", j, at))}`}${COSTS[net.cost].slope === COSTS.quadratic.slope ? `${mo("=")}${cancels ? "" : mo("(")}${symbol("a", j, at)}${mo("−")}<msub>${mi("y")}${id(j)}</msub>${cancels ? "" : `${mo(")")}${prime(symbol("z", j, at))}`}` : ""}`,
      BP2: () =>
        `${symbol("δ", j, at)}${mo("=")}${prime(symbol("z", j, at))}${sumOver}${w("k", j, more(l))}${symbol("δ", "k", more(l))}`,
      BP3: () => `${mean(symbol("b", j, at))}${mo("=")}${symbol("δ", j, at)}`,
      BP4: () => `${mean(w(j, "k", at))}${mo("=")}${symbol("a", "k", less(l))}${symbol("δ", j, at)}`,
      U: () => `${w(j, "k", at)}${mo("←")}${w(j, "k", at)}${mo("−")}${mi("η")}${mean(w(j, "k", at))}`,
    }[label](),
  );
}

const e2 = `<msup><mrow>${mo("(")}<msub>${mi("a")}${mi("j")}</msub>${mo("−")}<msub>${mi("y")}${mi("j")}</msub>${mo(")")}</mrow>${mn(2)}</msup>`;
const overJ = `<munder>${mo("∑")}${mi("j")}</munder>`,
  yj = `<msub>${mi("y")}${mi("j")}</msub>`,
  aj = `<msub>${mi("a")}${mi("j")}</msub>`;
const COST_FORMULAS = {
  quadratic: `<mfrac>${mn(1)}${mn(2)}</mfrac>${overJ}${e2}`,
  softmax: `${mo("−")}${overJ}${yj}${mi("ln")}${aj}`,
  cross_entropy: `${mo("−")}${overJ}${mo("(")}${yj}${mi("ln")}${aj}${mo("+")}${mo("(")}${mn(1)}${mo("−")}${yj}${mo(")")}${mi("ln")}${mo("(")}${mn(1)}${mo("−")}${aj}${mo(")")}${mo(")")}`,
  absolute: `${overJ}${mo("|")}${aj}${mo("−")}${yj}${mo("|")}`,
  huber: `${overJ}${mi("h")}${mo("(")}${aj}${mo("−")}${yj}${mo(")")}`,
  quantile: `${overJ}${mi("max")}${mo("(")}${mi("p")}${mo("(")}${yj}${mo("−")}${aj}${mo(")")}${mo(",")}${mo("(")}${mn(1)}${mo("−")}${mi("p")}${mo(")")}${mo("(")}${aj}${mo("−")}${yj}${mo(")")}${mo(")")}`,
  poisson: `${overJ}${mo("(")}${aj}${mo("−")}${yj}${mo("+")}${yj}${mi("ln")}<mfrac>${yj}${aj}</mfrac>${mo(")")}`,
  tweedie: `${overJ}${mi("D")}${mo("(")}${yj}${mo(",")}${aj}${mo(")")}${mo("/")}${mn(2)}`,
};

const escaped = text => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** What the mistake writes in place of the right lines. */
function lines(label, { net, rules, bug }) {
  if (!bug) return "";
  const right = rightRules(net),
    out = [];
  for (const name of LINES_OF[label]) {
    if (rules[name] === right[name] || String(rules[name]) === String(right[name])) continue;
    out.push(
      `<p class="line">The line that runs, and the right one:<code class="wrong">${escaped(pythonOf(rules[name]))}</code><code>${escaped(pythonOf(right[name]))}</code></p>`,
    );
  }
  const said = {
    F2: rules.other
      ? `sigma is ${rules.other} here.`
      : rules.softmax
        ? "Softmax adds up over the samples of the minibatch."
        : "",
    U: rules.samples
      ? "The samples are averaged first."
      : rules.keep
        ? "The sums of the minibatch before are still in there."
        : "",
  }[label];
  if (said) out.push(`<p class="note bad">${said}</p>`);
  if (label === "BP2" && rules.lowest() > 1)
    out.push('<p class="note bad">The loop ends one layer too early: layer 1 gets no delta.</p>');
  return out.join("");
}

const cell = (v, exact, sign = false) =>
  `<td class="${sign ? (v < 0 ? "negative" : v > 0 ? "positive" : "") : ""}">${shown(v, exact)}</td>`;
const fieldOf = (name, key, v, words, exact) =>
  `<td class="edit"><input type="number" step="any" ${Number.isFinite(v) ? "value" : "placeholder"}="${exact ? v : Number(v.toPrecision(6))}" data-edit="${name}" data-key="${key}" aria-label="${words}"></td>`;

function bar(v, largest) {
  const share = largest > 0 && Number.isFinite(v) ? Math.abs(v) / largest : 0;
  return `<td class="bar"><span class="share${v < 0 ? " minus" : ""}" style="width:${(100 * share).toFixed(1)}%"></span></td>`;
}

const result = (letters, v, exact) =>
  `<div class="result${v < 0 ? " minus" : ""}" data-result="${v}"><math><mrow>${letters}${mo("=")}</mrow></math> ${shown(v, exact)}</div>`;
const table = (head, rows, end = "") =>
  `<div class="terms" tabindex="0" role="group" aria-label="Terms"><table><thead><tr>${head.map(h => `<th scope="col"${h === "" ? ' class="bar"' : ""}>${h}</th>`).join("")}</tr></thead><tbody>${rows.join("")}${end}</tbody></table></div>`;

/** Rows of a sum: [k, first factor as a cell, second, the sum before and after]. */
function sumTable(letters, rows, exact, start) {
  const products = rows.map(row => row.after - row.before),
    largest = Math.max(...products.map(Math.abs));
  return table(
    ["k", letters[0], letters[1], "product", "sum so far", ""],
    [
      ...start,
      ...rows.map(
        (row, i) =>
          `<tr><td>${row.k}</td>${row.first}${cell(row.second, exact, true)}${cell(row.product, exact, true)}${cell(row.after, exact)}${bar(products[i], largest)}</tr>`,
      ),
    ],
  );
}

const PANELS = {
  F1({ pass, l, j, net, exact, rules }) {
    let sum = rules.bias(pass, l, j);
    const start = [
      `<tr><td>b<sub>${j}</sub></td>${fieldOf("b", `${l}.${j}`, net.b[l][j], `bias of neuron ${j} of layer ${l}`, exact)}<td></td><td></td>${cell(sum, exact)}<td class="bar"></td></tr>`,
    ];
    const rows = Array.from(pass.a[l - 1], (a, k) => {
      const before = sum;
      sum = rules.F1(pass, l, j, k, sum);
      return {
        k,
        first: fieldOf("w", `${l}.${j}.${k}`, net.w[l][j][k], `weight from ${k} to ${j} of layer ${l}`, exact),
        second: a,
        product: rules.F1(pass, l, j, k, 0),
        before,
        after: sum,
      };
    });
    return (
      sumTable([`w<sub>${j},k</sub>`, "a<sub>k</sub>"], rows, exact, start) +
      result(symbol("z", j, mn(l)), pass.z[l][j], exact)
    );
  },
  F2({ pass, l, j, exact, net }) {
    const soft = net.activations[l] === "softmax";
    return (
      result(symbol("a", j, mn(l)), pass.a[l][j], exact) +
      `<p class="small">${net.activations[l]} of z = ${shown(pass.z[l][j], exact)}${soft ? ", beside all other outputs" : `; its slope σ′(z) is ${shown(pass.slope(l, pass.z[l][j]), exact)}`}.</p>`
    );
  },
  C({ pass, exact, y, x, net }) {
    const L = net.sizes.length - 1;
    let C = 0;
    const rows = Array.from(pass.a[L], (a, j) => {
      const term = net.activations[L] === "softmax" ? null : COSTS[net.cost].term(C, pass.z[L][j], a, y[j], net.p);
      const row = `<tr><td>${j}</td>${cell(a, exact)}${fieldOf("y", `${x}.${j}`, y[j], `target of output ${j}`, exact)}${cell(a - y[j], exact, true)}${term === null ? "" : cell(term, exact)}</tr>`;
      C = term;
      return row;
    });
    return (
      table(["j", "a<sub>j</sub>", "y<sub>j</sub>", "a − y", ...(C === null ? [] : ["sum so far"])], rows) +
      result(`<msub>${mi("C")}${mi("x")}</msub>`, pass.C, exact)
    );
  },
  BP1({ pass, l, j, exact, y, net }) {
    const L = net.sizes.length - 1,
      cancels = COSTS[net.cost].cancels;
    const slope = net.activations[L] === "softmax" ? null : pass.slope(L, pass.z[L][j]);
    const e = pass.a[L][j] - y[j],
      error = pass.error[L][j];
    const rows = [
      ["a − y", e],
      ...(error === e ? [] : [["error", error]]),
      ...(slope === null || cancels ? [] : [["σ′(z)", slope]]),
    ];
    return (
      table(
        ["factor", "number"],
        rows.map(([name, v]) => `<tr><td>${name}</td>${cell(v, exact, true)}</tr>`),
      ) +
      (cancels ? '<p class="small">With this cost σ′ cancels.</p>' : "") +
      result(symbol("δ", j, mn(l)), pass.delta[L][j], exact)
    );
  },
  BP2({ pass, l, j, exact, net, rules }) {
    const saved = pass.back;
    pass.back = rules.back(pass, l);
    let sum = 0;
    const rows = Array.from(pass.back, (d, k) => {
      const before = sum;
      sum = rules.sum(pass, l, j, k, sum);
      return {
        k,
        first: fieldOf(
          "w",
          `${l + 1}.${k}.${j}`,
          net.w[l + 1][k]?.[j],
          `weight from ${j} to ${k} of layer ${l + 1}`,
          exact,
        ),
        second: d,
        product: rules.sum(pass, l, j, k, 0),
        before,
        after: sum,
      };
    });
    pass.back = saved;
    return (
      sumTable([`w<sub>k,${j}</sub>`, "δ<sub>k</sub>"], rows, exact, []) +
      (String(rules.BP2) === String(RIGHT.BP2)
        ? `<p class="small">times σ′(z) = ${shown(pass.slope(l, pass.z[l][j]), exact)}</p>`
        : "") +
      result(symbol("δ", j, mn(l)), pass.delta[l][j], exact)
    );
  },
  BP3: ({ pass, l, j, exact }) =>
    result(rate("C", symbol("b", j, mn(l))), pass.g_b[l][j], exact) +
    '<p class="small">A bias moves its weighted input one to one.</p>',
  BP4({ pass, l, j, exact }) {
    const g = pass.g_w[l][j],
      largest = Math.max(...Array.from(g, Math.abs));
    const rows = Array.from(
      g,
      (v, k) =>
        `<tr><td>${k}</td>${cell(pass.a[l - 1][k], exact, true)}${cell(pass.delta[l][j], exact, true)}${cell(v, exact, true)}${bar(v, largest)}</tr>`,
    );
    return (
      table(["k", "a<sub>k</sub>", `δ<sub>${j}</sub>`, `∂C/∂w<sub>${j},k</sub>`, ""], rows) +
      '<p class="small">Of this sample. The minibatch adds them up and divides by its size: U has the mean.</p>'
    );
  },
  U({ l, j, exact, net, given, before, eta, rules }) {
    const row = (name, old, g, key, kind) => {
      const made = rules.U({ eta }, old, g);
      return `<tr><td>${name}</td>${cell(old, exact)}${cell(g, exact, true)}<td data-new="${made}">${shown(made, exact)}</td></tr>`;
    };
    const rows = [
      row(`b<sub>${j}</sub>`, before.b[l][j], given.b[j]),
      ...Array.from(before.w[l][j], (old, k) => row(`w<sub>${j},${k}</sub>`, old, given.w[j][k])),
    ];
    return table(["", "old", "mean gradient", `old − ${shown(eta, exact)} · gradient`], rows);
  },
};

/** The panel of an equation, as HTML; every text in it is written here or a number. */
export function panelOf(label, context) {
  if (context.l === 0) {
    const { x, values, exact } = context;
    const rows = Array.from(
      values,
      (v, k) => `<tr><td>x<sub>${k}</sub></td>${fieldOf("x", `${x}.${k}`, v, `input ${k}`, exact)}</tr>`,
    );
    return (
      '<p class="small">Layer 0 is the sample itself: a<sup>0</sup> = x.</p>' + table(["k", "x<sub>k</sub>"], rows)
    );
  }
  const body = context.known
    ? PANELS[label](context)
    : '<p class="note">Not computed yet: step on, or go to the end of the minibatch.</p>';
  return formula(label, context) + lines(label, context) + body;
}
