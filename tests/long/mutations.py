"""One error at a time in the sources, in a copy of them: the tests of the file that has it must fail.

``python tests/long/mutations.py [number] [seed] [source ...]``: as many mutants (60), drawn from all places where an
operator, a comparison, a boundary or a constant can be exchanged, of these sources (all that are listed here).
Tests of what becomes machine code run as plain Python first, so that nothing is compiled, and compiled, with several
threads, where the mutant lives. The others run compiled, as many of them do only. Ends with 1 if a mutant survives that
is not among ``EQUIVALENT``.
"""

# ruff: noqa: T201

from __future__ import annotations

import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

TESTS = {
    "fastbp/training/trainer.py": ["test_trainer.py", "test_training.py", "test_sklearn.py"],
    "fastbp/training/standard.py": ["test_training.py", "test_explosion.py", "test_divergence.py"],
    "fastbp/training/standard_policy.py": ["test_training.py", "test_explosion.py", "test_divergence.py"],
    "fastbp/training/explosion.py": ["test_explosion.py", "test_output_weights.py"],
    "fastbp/targets.py": ["test_targets.py", "test_output_weights.py"],
    "fastbp/gradients.py": [
        "test_network.py",
        "test_derivatives.py",
        "test_network_costs.py",
        "test_output_weights.py",
    ],
    "fastbp/training/minibatches.py": ["test_training.py", "test_sklearn.py"],
    "fastbp/training/stopping.py": ["test_training.py", "test_training_loops.py"],
    "fastbp/network.py": ["test_network.py", "test_derivatives.py"],
    "fastbp/parameters.py": ["test_network.py"],
    "fastbp/layers.py": ["test_network.py"],
    "fastbp/jacobians.py": ["test_jacobian.py"],
    "fastbp/training/optimizers.py": ["test_training.py", "test_names.py"],
    "fastbp/training/schedules.py": ["test_training.py"],
    "fastbp/training/frozen.py": ["test_frozen.py"],
    "fastbp/training/lbfgs.py": ["test_lbfgs.py", "test_sklearn.py"],
    "fastbp/training/own_optimizer.py": ["test_own_optimizer.py"],
    "fastbp/kernels/own_update.py": ["test_own_optimizer.py"],
    "fastbp/kernels/clipping.py": ["test_own_optimizer.py", "test_frozen.py", "test_train_options.py"],
    "fastbp/kernels/fingerprint.py": ["test_fingerprint.py"],
    "fastbp/kernels/updates.py": ["test_bits.py", "test_training.py"],
    "fastbp/training/described.py": ["test_described.py", "test_continuing_refused.py"],
    "fastbp/training/state.py": ["test_described.py", "test_continuing.py", "test_continuing_refused.py"],
    "fastbp/training/checkpoints.py": ["test_checkpoints.py", "test_checkpointed_histories.py"],
    "fastbp/training/online.py": ["test_online.py", "test_online_refused.py"],
    "fastbp/training/online_minibatch.py": ["test_online.py", "test_online_refused.py"],
    "fastbp/training/history.py": ["test_checkpointed_histories.py", "test_logs.py"],
    "fastbp/kernels/costs.py": [
        "test_costs.py",
        "test_output_weights.py",
        "test_bits.py",
        "test_derivatives.py",
        "test_sklearn.py",
    ],
    "fastbp/kernels/dense.py": ["test_bits.py", "test_output_weights.py", "test_derivatives.py"],
    "fastbp/textbook/notes.py": ["test_textbook.py", "test_bits.py"],
    "fastbp/textbook/extensions.py": ["test_textbook.py", "test_bits.py", "test_jacobian.py"],
    "fastbp/functions/activations.py": [
        "test_activations.py",
        "test_derivatives.py",
        "test_jacobian.py",
        "test_divergence.py",
        "test_targets.py",
    ],
    "fastbp/functions/costs.py": ["test_costs.py", "test_network_costs.py", "test_adding.py"],
    "fastbp/nielsen/network.py": ["test_nielsen.py", "test_nielsen_replaced.py"],
    "fastbp/nielsen/network2.py": ["test_nielsen.py", "test_nielsen_replaced.py"],
    "fastbp/sklearn/_stochastic.py": ["test_sklearn.py", "test_sklearn_mlp.py", "test_sklearn_values.py"],
    "fastbp/sklearn/_validation.py": ["test_sklearn.py", "test_sklearn_mlp.py", "test_sklearn_beyond.py"],
    "fastbp/sklearn/_weights.py": ["test_sklearn_values.py", "test_sklearn_beyond.py"],
    "fastbp/data/scaling.py": ["test_model.py", "test_scaling.py"],
}
"""Sources -> the tests that answer for them."""

EQUIVALENT: tuple[str, ...] = (
    "fastbp/kernels/dense.py:233: Gt -> GtE",  # the larger of two equal numbers
    "fastbp/training/explosion.py:72: 0.0 -> 1.0",  # of costs without a parameter
)
"""Mutants, as they are printed, that change nothing that can be seen."""

OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def mutants(tree: ast.AST) -> list[tuple[int, str, Any]]:
    """Line, description, and a function that makes the change in the tree, for each place where one can be made."""
    found: list[tuple[int, str, Any]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in OPERATORS:
            new = OPERATORS[type(node.op)]
            found.append((node.lineno, f"{type(node.op).__name__} -> {new.__name__}", lambda n=node, o=new: swap(n, o)))
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
            new = OPERATORS[type(node.ops[0])]
            text = f"{type(node.ops[0]).__name__} -> {new.__name__}"
            found.append((node.lineno, text, lambda n=node, o=new: n.ops.__setitem__(0, o())))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value in (0, 1, 2, 0.5):
            found.append((node.lineno, f"{node.value} -> {node.value + 1}", lambda n=node: add_one(n)))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            found.append((node.lineno, "no minus", lambda n=node: swap(n, ast.UAdd)))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found.append(
                (node.lineno, "no not", lambda n=node: setattr(n, "operand", ast.UnaryOp(ast.Not(), n.operand)))
            )
    return found


def swap(node: Any, operator: type) -> None:
    node.op = operator()


def add_one(node: Any) -> None:
    node.value += 1


def survives(copy: Path, name: str, changed: str) -> bool:
    """Whether its tests pass with the changed source."""
    path = copy / name
    honest = path.read_text(encoding="utf-8")
    path.write_text(changed, encoding="utf-8")
    compiled_from = ("fastbp/functions/", "fastbp/kernels/", "fastbp/textbook/")
    modes: list[dict[str, str]] = [{"FASTBP_DISABLE_JIT": "1"}, {}] if name.startswith(compiled_from) else [{}]
    try:
        return all(pass_in(copy, TESTS[name], mode) for mode in modes)
    finally:
        path.write_text(honest, encoding="utf-8")


def pass_in(copy: Path, names: list[str], mode: dict[str, str]) -> bool:
    """Whether these tests pass with such an environment."""
    tests = [str(path) for test in names for path in (copy / "tests").rglob(test)]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
            cwd=copy,
            env={**os.environ, **mode, "PYTHONPATH": str(copy)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=1800,  # a loop that does not end any more has been noticed, too
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> int:
    numbers = sys.argv[1:3]
    wanted, seed = (int(text) for text in numbers + ["60", "0"][len(numbers) :])
    places = [
        (name, i)
        for name in sys.argv[3:] or TESTS
        for i in range(len(mutants(ast.parse((ROOT / name).read_text(encoding="utf-8")))))
    ]
    number = min(wanted, len(places))
    drawn = random.Random(seed).sample(places, number)
    living = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "fastbp"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".*_cache", "__pycache__", ".venv"))
        for name in dict.fromkeys(name for name, _ in drawn):
            if survives(copy, name, (copy / name).read_text(encoding="utf-8")):
                continue
            print(f"The tests of {name} fail without any change: {', '.join(TESTS[name])}. Nothing was tried.")
            return 1
        for name, i in drawn:
            tree = ast.parse((copy / name).read_text(encoding="utf-8"))
            line, text, change = mutants(tree)[i]
            change()
            label = f"{name}:{line}: {text}"
            alive = survives(copy, name, ast.unparse(tree))
            print(f"{label}: {'SURVIVES' if alive else 'found'}", flush=True)
            if alive and label not in EQUIVALENT:
                living.append(label)
    print(f"{number - len(living)} of {number} mutants found")
    return int(bool(living))


if __name__ == "__main__":
    sys.exit(main())
