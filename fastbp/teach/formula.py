r"""Formulas, written once in a small part of LaTeX: as LaTeX, as ASCII in the style of `fastbp.equations`, as MathML.

Beside LaTeX's own commands there is ``\num{...}``, a number: each form writes it in its own way and to the digits that
are asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

GREEK = {"delta": "δ", "sigma": "σ", "eta": "η", "lambda": "λ", "nabla": "∇", "Sigma": "Σ"}
OPERATORS = {
    "sum": ("sum", "∑"),
    "leftarrow": ("<-", "←"),
    "to": ("->", "→"),
    "cdot": ("*", "·"),
    "times": ("*", "×"),
    "odot": ("(.)", "⊙"),
    "approx": ("~", "≈"),
    "ne": ("!=", "≠"),
    "ldots": ("...", "…"),
    "ln": ("ln", "ln"),
    "max": ("max", "max"),
    "le": ("<=", "≤"),
    "lvert": ("|", "|"),
    "rvert": ("|", "|"),
}
SPACED = {"=", "+", "-", "<-", "->", "*", "(.)", "~", "!=", "<="}
_TOKEN = re.compile(r"\\(?:num|text|mathrm|mathsf)\{[^{}]*\}|\\[a-zA-Z]+|\\.|[{}_^']|\d+(?:\.\d+)?|\S")
_SKIPPED = {r"\bigl", r"\bigr", r"\Bigl", r"\Bigr", r"\left", r"\right", r"\!", r"\,", r"\;", r"\ ", r"\quad"}


@dataclass
class Node:
    """A piece of a formula: what it is, its text, and the pieces inside."""

    kind: str  # row, letter, number, text, operator, fraction, script
    text: str = ""
    parts: tuple[Node | None, ...] = ()


def shown(text: str, digits: int | None) -> str:
    """A number's text, to so many significant digits; all of them if None."""
    if digits is None or not re.fullmatch(r"-?\d.*", text):
        return text
    return f"{float(text) + 0.0:.{digits}g}"  # without the sign of -0


class _Parser:
    def __init__(self, source: str) -> None:
        self.tokens = _TOKEN.findall(source)
        self.at = 0

    def row(self, closing: str = "") -> Node:
        parts: list[Node] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token == closing:
                self.at += 1
                return Node("row", parts=tuple(parts))
            self.at += 1
            if token in _SKIPPED:
                continue
            if token in ("_", "^", "'"):
                parts.append(self.script(parts.pop(), token))
            else:
                parts.append(self.atom(token))
        if closing:
            raise ValueError(f"The formula has no {closing!r} at its end.")
        return Node("row", parts=tuple(parts))

    def script(self, base: Node, token: str) -> Node:
        sub, sup = (base.parts[1], base.parts[2]) if base.kind == "script" else (None, None)
        core = base.parts[0] if base.kind == "script" else base
        if token == "'":
            assert core is not None
            return Node("letter", core.text + "'")
        self.at += 1
        argument = self.atom(self.tokens[self.at - 1])
        return Node("script", parts=(core, argument if token == "_" else sub, argument if token == "^" else sup))

    def argument(self) -> Node:
        self.at += 1
        return self.atom(self.tokens[self.at - 1])

    def atom(self, token: str) -> Node:
        if token == "{":
            return self.row("}")
        if token.startswith("\\") and token.endswith("}") and "{" in token:
            command, _, inner = token[1:-1].partition("{")
            return Node({"num": "number", "text": "text"}.get(command, "letter"), inner.replace(r"\_", "_"))
        if token in (r"\frac", r"\tfrac"):
            return Node("fraction", parts=(self.argument(), self.argument()))
        if token == r"\mathsf":
            return self.argument()
        if token == r"\partial":
            return Node("letter", "partial")
        if token.startswith("\\") and token[1:] in OPERATORS:
            return Node("operator", token[1:])
        if token.startswith("\\") and token[1:] in GREEK:
            return Node("letter", token[1:])
        if token.startswith("\\"):
            raise ValueError(f"{token} is not one of the commands that formulas are written in.")
        if token[0].isdigit():
            return Node("number", token)
        return Node("letter" if token.isalpha() else "operator", token)


def parse(source: str) -> Node:
    """The tree of a formula; ValueError for a command that is not in use here."""
    return _Parser(source).row()


def _ascii(node: Node | None, digits: int | None, tight: bool) -> str:
    if node is None:
        return ""
    if node.kind == "row":
        return _ascii_row(node, digits, tight)
    if node.kind == "number":
        return shown(node.text, digits)
    if node.kind == "fraction":
        top, bottom = (_ascii(part, digits, tight) for part in node.parts)
        group = {"d"} if "d" in (top[:1], bottom[:1]) else set()
        top, bottom = (part if group or re.fullmatch(r"[\w.^{}]+", part) else f"({part})" for part in (top, bottom))
        return f"{top}/{bottom}"
    if node.kind == "script":
        base, sub, sup = (_ascii(part, digits, True) for part in node.parts)
        for mark, part in (("_", sub), ("^", sup)):
            if part:
                base += mark + (part if re.fullmatch(r"\w+", part) else "{" + part + "}")
        return base
    if node.kind == "operator":
        return OPERATORS.get(node.text, (node.text,))[0]
    return "d" if node.text == "partial" else node.text


def _ascii_row(node: Node, digits: int | None, tight: bool) -> str:
    out = ""
    previous: Node | None = None
    for part in node.parts:
        assert part is not None
        text = _ascii(part, digits, tight)
        unary = text == "-" and (previous is None or previous.text in ("(", "=", "cdot", "leftarrow", "ln"))
        if text in SPACED and not tight and not unary:
            out = out.rstrip() + f" {text} "
        elif text.startswith(("sum", "ln")) or part.kind == "text":
            out += (" " if out and out[-1] not in " (-" else "") + text.rstrip() + ("" if tight else " ")
        else:
            closing = part.kind == "script" and part.parts[0] is not None and part.parts[0].text == ")"
            out = out.rstrip() if closing or text == ")" else out
            glue = (
                not closing
                and part.kind in ("script", "fraction", "number")
                and out
                and previous is not None
                and (previous.kind in ("script", "fraction", "number") or previous.text == ")")
                and out[-1] not in " "
            )
            out += (" " if glue else "") + text
        previous = part
    return out.strip() if not tight else out


def to_ascii(source: str, digits: int | None = None) -> str:
    """The formula as in `fastbp.equations`: ``delta_j^l = sigma'(z_j^l) * ...``."""
    return _ascii(parse(source), digits, False)


def _latex_number(match: re.Match[str], digits: int | None) -> str:
    mantissa, _, exponent = shown(match[1], digits).partition("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}" if exponent else mantissa


def to_latex(source: str, digits: int | None = None) -> str:
    """The formula for a LaTeX or MathJax page."""
    return re.sub(r"\\num\{([^{}]*)\}", lambda match: _latex_number(match, digits), source)


def _mathml(node: Node | None, digits: int | None) -> str:
    if node is None:
        return "<mrow></mrow>"
    if node.kind == "row":
        return "<mrow>" + "".join(_mathml(part, digits) for part in node.parts) + "</mrow>"
    if node.kind == "number":
        mantissa, _, exponent = shown(node.text, digits).partition("e")
        mantissa = mantissa.replace("-", "\N{MINUS SIGN}")
        if not exponent:
            return f"<mn>{mantissa}</mn>"
        power = f"{int(exponent)}".replace("-", "\N{MINUS SIGN}")
        return f"<mrow><mn>{mantissa}</mn><mo>·</mo><msup><mn>10</mn><mn>{power}</mn></msup></mrow>"
    if node.kind == "fraction":
        return f"<mfrac>{_mathml(node.parts[0], digits)}{_mathml(node.parts[1], digits)}</mfrac>"
    if node.kind == "script":
        base, sub, sup = node.parts
        inner = [_mathml(part, digits) for part in (base, sub, sup) if part is not None]
        under = base is not None and base.text == "sum" and sup is None
        name = "munder" if under else "msubsup" if sub and sup else "msub" if sub else "msup"
        return f"<{name}>{''.join(inner)}</{name}>"
    if node.kind == "operator":
        text = OPERATORS.get(node.text, (node.text, node.text))[1]
        text = "\N{MINUS SIGN}" if text == "-" else text
        fence = ' stretchy="false"' if text in "()[]" else ""
        return f"<mo{fence}>{escape(text)}</mo>"
    if node.kind == "text":
        # MathML drops a plain space at either end.
        return f"<mtext>{escape(node.text).replace(' ', '&#160;')}</mtext>"
    name = node.text.rstrip("'")
    letter = "∂" if name == "partial" else GREEK.get(name, name)
    marked = f"<mi>{escape(letter)}</mi>"
    prime = '<mo lspace="0" rspace="0">\N{PRIME}</mo>'
    return f"<msup>{marked}{prime}</msup>" if node.text.endswith("'") else marked


def to_mathml(source: str, digits: int | None = None, *, display: bool = False) -> str:
    """The formula as MathML, which browsers draw and screen readers read, with its ASCII form as annotation."""
    form = ' displaystyle="true"' if display else ""
    plain = escape(to_ascii(source, digits))
    body = _mathml(parse(source), digits)
    return (
        f'<math xmlns="http://www.w3.org/1998/Math/MathML"{form}><semantics>{body}'
        f'<annotation encoding="text/plain">{plain}</annotation></semantics></math>'
    )
