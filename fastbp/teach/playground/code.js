// "Copy as ...": a program for fastbp that gives the page's numbers, the same in the book's API, and LaTeX.
import { COSTS } from "./functions.js";
import { rulesOf } from "./mistakes.js";
import { written } from "./state.js";

const list = v => (typeof v === "number" ? written(v) : `[${Array.from(v, list).join(", ")}]`);

/** A matrix, a row a line where it is long. */
function rowsOf(rows, indent = "") {
  const lines = Array.from(rows, list),
    flat = `[${lines.join(", ")}]`;
  return flat.length <= 100 ? flat : `[\n${lines.map(line => `${indent}    ${line},\n`).join("")}${indent}]`;
}

const quoted = names =>
  new Set(names).size === 1 ? `"${names[0]}"` : `[${names.map(name => `"${name}"`).join(", ")}]`;

/** Lines that make X and Y. */
function samples({ state, X, Y }) {
  if (state.data !== "digits")
    return [`X = np.array(${rowsOf(X)}, dtype=float)`, `Y = np.array(${rowsOf(Y)}, dtype=float)`];
  const edits = ["x", "y"].flatMap(name =>
    Object.entries(state[name]).map(([key, v]) => `${name.toUpperCase()}[${key.replace(".", ", ")}] = ${written(v)}`),
  );
  return [
    'digits = fastbp.read("digits")',
    `X, Y = digits.X[:${X.length}] / 16, np.eye(10)[digits.Y[:${X.length}]]`,
    ...edits,
  ];
}

function network({ net, state }) {
  const options = `activations=${quoted(state.activations)}, cost="${net.cost}"${COSTS[net.cost].p === undefined ? "" : `, cost_parameter=${written(net.p)}`}`;
  const lines = [`net = fastbp.Network([${net.sizes.join(", ")}], ${options}, seed=0)`];
  for (let l = 1; l < net.sizes.length; l++)
    lines.push(`net.w[${l}] = ${rowsOf(net.w[l])}`, `net.b[${l}] = ${list(net.b[l])}`);
  return lines;
}

const order = ({ state, order }) => [
  `order = ${list(order)}  # samples of an epoch; every epoch takes the same`,
  `batch, eta, updates = ${state.batch}, ${written(state.eta)}, ${state.t}`,
  "slices = [order[i : i + batch] for i in range(0, len(order), batch)]",
];

const NOTE = [
  "# With FASTBP_DISABLE_JIT=1 in the environment these are the page's numbers to the last bit. Compiled code is faster, and",
  "# rounds once where it multiplies and adds: last digits differ.",
];

/** The line of a rule, as Python; JavaScript has the same signs for it. */
export function pythonOf(rule) {
  const text = String(rule)
    .replace(/^[^]*?=>\s*/, "")
    .replace(/\s+/g, " ");
  return text.replaceAll("[j][k]", "[j, k]").replaceAll("[k][j]", "[k, j]").replaceAll("...", "*");
}

const wholeArrays = text => text.replaceAll("[j, k]", "").replaceAll("[l][j]", "[l]");

/** The functions of a learner whose lines are these, in index form. */
function learner({ net, state, rules }) {
  const line = name => pythonOf(rules[name]);
  const last = net.activations.at(-1),
    soft = last === "softmax";
  const checked = rules.other ?? last,
    pages = rules.other ? state.activations.map(() => rules.other) : state.activations;
  const p = COSTS[net.cost].p === undefined ? 0.0 : net.p;
  const usesSlope = COSTS[net.cost].slope !== COSTS.quadratic.slope;
  const unfit = condition => [`        if ${condition}:`, '            raise ValueError("the shapes do not fit")'];
  const loop = [
    "        for j in range(len(z[l])):",
    "            total = 0.0",
    "            for k in range(len(back)):",
    `                total = ${line("sum")}`,
    "            error[l][j] = total",
    `            delta[l][j] = ${line("BP2")}  # BP2`,
  ];
  const hidden =
    state.bug === "output-error-everywhere"
      ? [...unfit("len(back) != len(w[l + 1])"), ...loop]
      : state.bug !== "own-weights"
        ? loop
        : [
            ...unfit("len(back) != len(w[l])"), // whole rows, as with matrices: sizes that do not fit show where theirs would
            "        error[l] = sum(w[l][k] * back[k] for k in range(len(back)))",
            "        delta[l] = np.array([slope(l, v) for v in z[l]]) * error[l]  # BP2",
          ];
  const across = rules.across;
  const softmax = across
    ? [
        '            if names[l - 1] == "softmax":  # divided by the sum over the samples',
        "                a[l] = across[index]",
        "                continue",
      ]
    : ['            if names[l - 1] == "softmax":', "                a[l] = softmax(z[l])", "                continue"];
  return [
    "from fastbp.functions import activations, costs",
    ...(soft || across ? ["from fastbp.textbook import softmax"] : []),
    "",
    "",
    ...(rules.keep ? ["kept = {}  # made once, outside of the function", "", ""] : []),
    `def backprop(w, b, x, y, names${across ? ", across=None, index=0" : ""}):`,
    '    """dC/dw^l and dC/db^l of one sample, in index form; names are the activations of layers 1..L."""',
    "    L = len(w)",
    "    back = rows = columns = None",
    "    a, z, error, delta, g_w, g_b = {}, {}, {}, {}, {}, {}",
    "",
    "    def sigma(l, z):",
    "        return activations.sigma(activations.CODES[names[l - 1]], z)",
    "",
    "    def slope(l, z):",
    "        return activations.sigma_prime(activations.CODES[names[l - 1]], z)",
    "",
    ...(usesSlope
      ? [
          "    def cost_slope(z, a, y):",
          `        return costs.slope(costs.CODES["${net.cost}"], z, a, y, ${written(p)})`,
          "",
        ]
      : []),
    `    a[0] = z[0] = np.array([${line("input")} for k in range(len(x))])`,
    "    for l in range(1, L + 1):",
    "        J, K = w[l].shape",
    "        z[l], a[l], error[l], delta[l] = np.zeros(J), np.zeros(J), np.zeros(J), np.zeros(J)",
    "        for j in range(J):",
    `            z_j = ${line("bias")}`,
    "            for k in range(K):",
    `                z_j = ${line("F1")}  # F1`,
    "            z[l][j] = z_j",
    "        for j in range(J):",
    ...(soft || across ? softmax : []),
    `            a[l][j] = ${line("F2")}  # F2`,
    "    for j in range(len(y)):",
    `        error[L][j] = ${line("error")}`,
    "    for j in range(len(y)):",
    `        delta[L][j] = ${line("BP1")}  # BP1`,
    `    for l in range(L - 1, ${line("lowest")} - 1, -1):`,
    `        back = ${line("back")}`,
    ...hidden,
    "    for l in range(L, 0, -1):",
    `        rows, columns = ${line("rows")}, ${line("columns")}`,
    "        g_w[l], g_b[l] = np.zeros((len(rows), len(columns))), np.zeros(len(delta[l]))",
    "        for j in range(len(delta[l])):",
    `            g_b[l][j] = ${line("BP3")}  # BP3`,
    "        for j in range(len(rows)):",
    "            for k in range(len(columns)):",
    `                g_w[l][j, k] = ${line("BP4")}  # BP4`,
    ...(state.bug === "averages-multiplied" ? ["    return g_w, g_b, a"] : ["    return g_w, g_b"]),
    "",
    "",
    ...(state.bug === "reshaped" ? ["def flat(w):", "    return w.ravel()", "", ""] : []),
    ...(across ? OVER_SAMPLES : []),
    "def gradient(w, b, X, Y, names=None):",
    '    """The gradient of a minibatch."""',
    `    n, L = len(X), len(w)`,
    soft ? `    names = names or ["sigmoid"] * (L - 1) + ["softmax"]` : `    names = names or ["${checked}"] * L`,
    ...(rules.keep
      ? [
          "    shapes = tuple(w[l].shape for l in range(1, L + 1))",
          "    sum_w, sum_b = kept.setdefault(shapes, ({}, {}))",
        ]
      : ["    sum_w, sum_b = {}, {}"]),
    "    for l in range(1, L + 1):",
    ...(rules.keep
      ? ["        sum_w.setdefault(l, 0.0)", "        sum_b.setdefault(l, 0.0)"]
      : ["        sum_w[l], sum_b[l] = 0.0, 0.0"]),
    ...(state.bug === "averages-multiplied" ? ["    sum_a = {l: 0.0 for l in range(L)}"] : []),
    ...(rules.averaged ? ["    X, Y = [sum(X) / n], [sum(Y) / n]  # the samples are averaged first", "    n = 1"] : []),
    ...(across ? ["    outputs = over_samples(w, b, X, names)"] : []),
    `    for ${across ? "index, (x, y) in enumerate(zip(X, Y))" : "x, y in zip(X, Y)"}:`,
    state.bug === "averages-multiplied"
      ? "        g_w, g_b, a = backprop(w, b, x, y, names)"
      : `        g_w, g_b = backprop(w, b, x, y, names${across ? ", outputs, index" : ""})`,
    "        for l in range(1, L + 1):",
    ...(state.bug === "averages-multiplied" ? ["            sum_a[l - 1] = sum_a[l - 1] + a[l - 1]"] : []),
    ...[
      ["w", "w"],
      ["b", "b"],
    ].map(
      ([name]) =>
        `            sum_${name}[l] = ${line("add")
          .replace(/\btotal\b|\bsum\b/, `sum_${name}[l]`)
          .replace(/\bg\b/, `g_${name}[l]`)}`,
    ),
    "    mean_w, mean_b = {}, {}",
    "    for l in range(1, L + 1):",
    state.bug === "averages-multiplied"
      ? "        mean_w[l] = np.outer(sum_b[l], sum_a[l - 1]) / n / n"
      : `        mean_w[l] = ${wholeArrays(line("mean_w"))}`,
    `        mean_b[l] = ${wholeArrays(line("mean_b"))}`,
    ...(line("returned") === "g"
      ? []
      : [
          "wb"
            .split("")
            .map(
              v =>
                `        mean_${v}[l] = ${line("returned").replace(/\bw\b/, `${v}[l]`).replace(/\bg\b/, `mean_${v}[l]`)}`,
            )
            .join("\n"),
        ]),
    "    return mean_w, mean_b",
    "",
    "",
    `names = [${pages.map(name => `"${name}"`).join(", ")}]`,
    "for t in range(updates):",
    "    chosen = slices[t % len(slices)]",
    "    g_w, g_b = gradient(net.w, net.b, X[chosen], Y[chosen], names)",
    "    for l in range(1, net.L + 1):",
    ..."wb"
      .split("")
      .map(v => `        net.${v}[l] = ${line("U").replace(/\bw\b/, `net.${v}[l]`).replace(/\bg\b/, `g_${v}[l]`)}`),
    "",
    ...(rules.keep ? ["kept.clear()"] : []),
    `print(fastbp.check_backprop(gradient, batch=True, activations="${last}", cost="${net.cost}"))`,
  ];
}

const OVER_SAMPLES = [
  "def over_samples(w, b, X, names):",
  '    """Softmax outputs, each divided by the sum over the samples."""',
  "    outputs = []",
  "    for x in X:",
  "        a = x",
  "        for l in range(1, len(w) + 1):",
  "            z = np.zeros(len(b[l]))",
  "            for j in range(len(z)):",
  "                z[j] = b[l][j]",
  "                for k in range(len(a)):",
  "                    z[j] = z[j] + w[l][j, k] * a[k]",
  "            if l < len(w):",
  "                a = np.array([activations.sigma(activations.CODES[names[l - 1]], v) for v in z])",
  "        outputs.append(z)",
  "    largest = np.array(outputs).max(axis=0)",
  "    e = [np.array([activations.exp(v) for v in z - largest]) for z in outputs]",
  "    return [row / sum(e) for row in e]",
  "",
  "",
];

/**
 * A program that makes the network of the page's beginning, takes its samples in its order, and does its updates; with a
 * mistake, by a learner's own code that makes it and that check_backprop names.
 */
export function fastbpCode(page) {
  const { state, net } = page;
  const rules = rulesOf(net, state.bug);
  const head = ["import numpy as np", "", "import fastbp", "", ...NOTE];
  const training = state.bug
    ? [`# The mistake: ${state.bug}`, ...learner({ ...page, rules })]
    : [
        "trainer = fastbp.Trainer(net, optimizer=fastbp.SGD(learning_rate=eta))",
        "for t in range(updates):",
        "    chosen = slices[t % len(slices)]",
        "    trainer.step(X[chosen], Y[chosen])",
      ];
  const x = `X[${page.sample}]`,
    y = `Y[${page.sample}]`;
  const ask = state.bug
    ? []
    : [
        `print(fastbp.explain(net, ${x}, ${y}, layer=${Math.max(1, state.l)}, neuron=${state.l ? state.j : 0}, of="${page.of}", learning_rate=eta${page.of === "weight" ? ", k=0" : ""}))`,
      ];
  const end = ["for l in range(1, net.L + 1):", "    print(net.w[l], net.b[l])", ...ask];
  return [...head, ...network(page), ...samples(page), ...order(page), "", ...training, "", ...end, ""].join("\n");
}

/** The same with the book's classes, or why there are none for this network. */
export function bookCode(page) {
  const { state, net } = page;
  const cost = net.cost,
    outputs = net.activations.at(-1);
  const sigmoid = state.activations.every(name => name === "sigmoid");
  if (!sigmoid || !["quadratic", "cross_entropy"].includes(cost)) {
    return `# The book's networks are sigmoid in every layer, with the quadratic cost or cross-entropy. This one is\n# ${state.activations.join(", ")} with ${cost}, so the book has no code for it. Choose those, or copy as fastbp code.\n`;
  }
  const two = cost === "cross_entropy",
    module = two ? "network2" : "network";
  const column = v => `np.array(${list(Array.from(v, one => [one]))}, dtype=float)`;
  const lines = [
    "import numpy as np",
    "",
    ...(state.data === "digits" ? ["import fastbp"] : []),
    `from fastbp.nielsen import ${module}`,
    "",
    `net = ${module}.Network([${net.sizes.join(", ")}]${two ? `, cost=network2.CrossEntropyCost` : ""})`,
    `net.weights = [${net.w
      .slice(1)
      .map(rows => `np.array(${rowsOf(rows)}, dtype=float)`)
      .join(",\n    ")}]`,
    `net.biases = [${net.b.slice(1).map(column).join(",\n    ")}]`,
    ...samples(page),
    "training_data = [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, Y)]",
    ...order(page),
    "",
    "for t in range(updates):",
    "    mini_batch = [training_data[x] for x in slices[t % len(slices)]]",
    `    net.update_mini_batch(mini_batch, eta${two ? ", 0.0, len(training_data)" : ""})`,
    "print(net.weights, net.biases)",
  ];
  return [
    ...(state.bug ? [`# The book's code is right: the mistake ${state.bug} is not in it.`] : []),
    ...lines,
    "",
  ].join("\n");
}

/** The equations of the chosen neuron with its numbers, as an align environment. */
export function latexCode({ net, state, pass, mean, digits = 5 }) {
  const l = Math.max(1, state.l),
    j = state.l ? state.j : 0,
    L = net.sizes.length - 1;
  const n = v => {
    const [base, power] = Number(v).toPrecision(digits).split("e");
    return power ? `${base} \\cdot 10^{${Number(power)}}` : base;
  };
  const term = (one, other) => `(${n(one)})(${n(other)})`;
  const terms = all =>
    all.length <= 8 ? all.join(" + ") : `${all.slice(0, 4).join(" + ")} + \\dots + ${all.slice(-2).join(" + ")}`;
  const K = net.sizes[l - 1],
    name = net.activations[l],
    ks = [...Array(K).keys()];
  const lines = [
    `z_{${j}}^{${l}} &= \\sum_k w_{${j}k}^{${l}} a_k^{${l - 1}} + b_{${j}}^{${l}} = ${n(net.b[l][j])} + ${terms(ks.map(k => term(net.w[l][j][k], pass.a[l - 1][k])))} = ${n(pass.z[l][j])}`,
    `a_{${j}}^{${l}} &= ${name === "softmax" ? `\\frac{e^{z_{${j}}^{${l}}}}{\\sum_k e^{z_k^{${l}}}}` : `\\sigma(z_{${j}}^{${l}})`} = ${n(pass.a[l][j])}`,
  ];
  if (l === L) {
    const cancels = COSTS[net.cost].cancels;
    lines.push(`C_x &= ${n(pass.C)}`);
    lines.push(
      `\\delta_{${j}}^{${l}} &= ${cancels && pass.cost_slope(0, 1, 0) === 1 ? `a_{${j}}^{${l}} - y_{${j}}` : cancels ? "\\frac{\\partial C}{\\partial z}" : `\\frac{\\partial C}{\\partial a_{${j}}^{${l}}} \\sigma'(z_{${j}}^{${l}}) = ${term(pass.error[l][j], pass.slope(l, pass.z[l][j]))}`} = ${n(pass.delta[l][j])}`,
    );
  } else {
    const all = net.w[l + 1].map((row, k) => term(row[j], pass.delta[l + 1][k]));
    lines.push(
      `\\delta_{${j}}^{${l}} &= \\sigma'(z_{${j}}^{${l}}) \\sum_k w_{k${j}}^{${l + 1}} \\delta_k^{${l + 1}} = ${n(pass.slope(l, pass.z[l][j]))} \\left[${terms(all)}\\right] = ${n(pass.delta[l][j])}`,
    );
  }
  lines.push(`\\frac{\\partial C_x}{\\partial b_{${j}}^{${l}}} &= \\delta_{${j}}^{${l}} = ${n(pass.g_b[l][j])}`);
  ks.slice(0, 8).forEach(k =>
    lines.push(
      `\\frac{\\partial C_x}{\\partial w_{${j}${k}}^{${l}}} &= a_{${k}}^{${l - 1}} \\delta_{${j}}^{${l}} = ${term(pass.a[l - 1][k], pass.delta[l][j])} = ${n(pass.g_w[l][j][k])}`,
    ),
  );
  lines.push(
    `b_{${j}}^{${l}} &\\leftarrow ${n(net.b[l][j])} - ${n(state.eta)} \\cdot (${n(mean.b[j])}) = ${n(net.b[l][j] - state.eta * mean.b[j])}`,
  );
  return ["\\begin{align*}", lines.join(" \\\\\n"), "\\end{align*}", ""].join("\n");
}
