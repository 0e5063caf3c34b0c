// The page: what is copied, and what buttons and keys do.
import { COSTS, refusalOf } from "./functions.js";
import { NAMES } from "./mistakes.js";
import { decode, encode, initial } from "./state.js";
import { bookCode, fastbpCode, latexCode } from "./code.js";
import { act, app, get, move, moves, other, pause, play, rebuild, view } from "./app.js";
import { render } from "./show.js";

app.render = render;

function copy(kind) {
  pause();
  const { state, net, X, Y, order, run } = app,
    seen = view();
  const of = { F1: "z", F2: "z", BP4: "weight", BP3: "bias", U: "update" }[app.label] ?? "delta";
  const page = { state: { ...state, bug: app.bug }, net, X, Y, order, sample: seen.x, of };
  const done = run.at ? ` The page is ${run.at} equations further, in a minibatch that is under way.` : "";
  const texts = {
    fastbp: () => [
      fastbpCode(page),
      `Run it with FASTBP_DISABLE_JIT=1: its numbers are the page's after ${run.t} updates, to the last bit.${done}`,
    ],
    book: () => [bookCode(page), `The book's arrays: equal to rounding.${done}`],
    latex: () => [
      latexCode({
        net: { ...net, w: run.net.w, b: run.net.b },
        state,
        pass: seen.pass,
        mean: seen.given(Math.max(1, state.l)),
      }),
      "For a document with amsmath.",
    ],
    link: () => [
      `${location.href.split("#")[0]}#${encode(state)}`,
      "It opens this page at this step, with everything that was changed.",
    ],
  };
  const refusal = kind === "fastbp" || kind === "book" ? refusalOf(net, Y) : null;
  const [text, use] = texts[kind](),
    said = refusal ? `${refusal} fastbp refuses to run it. ${use}` : use;
  get("dialog-title").textContent = { fastbp: "fastbp code", book: "The book's code", latex: "LaTeX", link: "Link" }[
    kind
  ];
  get("dialog-text").value = text;
  get("dialog-note").textContent = said;
  get("dialog").showModal();
  get("dialog-text").select();
  const copied = () => {
    get("dialog-note").textContent = `Copied. ${said}`;
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(copied, () => {});
}

for (const kind of ["fastbp", "book", "latex", "link"]) get(`copy-${kind}`).addEventListener("click", () => copy(kind));
for (const [id, name] of Object.entries({
  step: "equation",
  layer: "layer",
  "one-sample": "sample",
  minibatch: "minibatch",
  epoch: "epoch",
  back: "back",
  restart: "restart",
})) {
  get(id).addEventListener("click", () => move(name));
}
get("play").addEventListener("click", play);
get("to-setup").addEventListener("click", () => {
  get("setup").scrollIntoView();
  get("data").focus({ preventScroll: true });
});
const digits = () => {
  app.exact = !app.exact;
  render();
};
get("digits").addEventListener("click", digits);
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  const keys = {
    ArrowRight: () => move("equation"),
    ArrowLeft: () => move("back"),
    ArrowDown: () => other(1),
    ArrowUp: () => other(-1),
    Home: () => move("restart"),
    l: () => move("layer"),
    s: () => move("sample"),
    m: () => move("minibatch"),
    e: () => move("epoch"),
    p: play,
    d: digits,
  };
  const act = keys[event.key] ?? keys[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

function fromAddress() {
  pause();
  clearTimeout(app.addressed);
  app.addressed = null;
  app.state = decode(location.hash.slice(1), app.given.net);
  Object.assign(app, { points: [], marks: [], offset: 0, touched: location.hash.length > 1 });
  rebuild();
  render();
}
addEventListener("hashchange", fromAddress);
let width = 0;
new ResizeObserver(entries => {
  const now = Math.round(entries[0].contentRect.width);
  if (now !== width) requestAnimationFrame(() => render());
  width = now;
}).observe(get("network"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => render());
fromAddress();
/** For tests and for the console: what the page is made of. */
globalThis.playground = { app, act, moves, move, render, encode, decode, initial, NAMES, COSTS };
