"""Importing, the cache of compiled code, and machines on which nothing can be written."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import fastbp
from fastbp import jit
from fastbp.jit import cache

PACKAGE = Path(fastbp.__file__).parent
COMPUTE = """
import fastbp, numpy as np
net = fastbp.Network([3, 4, 2], seed=0, dtype="float32")
print(float(net.feedforward(np.ones((1, 3)))[0, 0]))
"""
# One small function whose callees stand in other files: what the cache does with it, it does with all.
ONE_LOOP = """
import numpy as np
from fastbp import textbook
print(float(textbook.activation(0, np.ones(1))[0]))
"""
COMPILATIONS = """
from numba.core import event
compiled = event.RecordingListener()
event.register("numba:compile", compiled)
"""
COUNT = """
print(len(compiled.buffer) // 2)  # each begins and ends
"""
EVERYTHING = """
import fastbp, numpy as np
for dtype in ("float32", "float64"):
    net = fastbp.Network([3, 4, 2], seed=0, dtype=dtype)
    X, Y = np.ones((2, 3)), np.ones((2, 2))
    fastbp.train(net, X, Y, epochs=1, optimizer=fastbp.Adam(), n_threads=2)
    net.predict(X), net.evaluate(X, Y), net.gradient(X, Y, l1=0.1), net.backprop(X, Y)
"""


def python(code: str, *, path: Path = PACKAGE.parent, **environment: str) -> str:
    """What a program prints in a new process, which shares this one's cache if not told otherwise."""
    unwanted = ("FASTBP_DISABLE_JIT", "FASTBP_NO_CACHE", "NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT")
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=kept | {"PYTHONPATH": str(path)} | environment,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder that holds a copy of the package, to be edited."""
    shutil.copytree(PACKAGE, tmp_path / "site" / "fastbp", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "site"


def test_import_is_light() -> None:
    heavy = python(
        "import sys, fastbp; fastbp.SGD; fastbp.LoadError; fastbp.equations; dir(fastbp)\n"
        "heavy = ('numba', 'llvmlite', 'sklearn', 'rich', 'typer', 'scipy', 'matplotlib')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    assert heavy == "[]"


def test_every_public_name_exists() -> None:
    for name in fastbp.__all__:
        assert getattr(fastbp, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        getattr(fastbp, "nonsense")  # noqa: B009


@pytest.mark.compiled
def test_a_second_process_compiles_nothing() -> None:
    python(EVERYTHING)
    assert python(COMPILATIONS + EVERYTHING + COUNT) == "0"


@pytest.mark.compiled
@pytest.mark.parametrize("estimator", [False, True])
def test_the_first_prediction_needs_no_code_that_training_has_not_loaded(estimator: bool) -> None:
    train = "net = fastbp.Network([3, 4, 2], seed=0)\nX = np.eye(3)\nfastbp.train(net, X, [0, 1, 1], epochs=1)\n"
    if estimator:
        train = (
            "from fastbp.sklearn import MLPClassifier\nX = np.eye(3)\n"
            "net = MLPClassifier(4, random_state=0).partial_fit(X, [0, 1, 1], classes=[0, 1])\n"
        )
    loaded = """
from fastbp.jit.linking import Entry
count = lambda: {e.__qualname__: sorted(map(str, e.overloads)) for e in gc.get_objects() if type(e) is Entry}
before = count()
net.predict(X), net.predict(X[:1])
if isinstance(net, fastbp.Network):
    net.feedforward(X), net.evaluate(X, [0, 1, 1])
print(count() == before, sum(map(len, before.values())) > 1)
"""
    assert python("import gc, fastbp, numpy as np\n" + train + loaded) == "True True"


@pytest.mark.compiled
def test_only_what_python_calls_becomes_machine_code() -> None:
    """The functions inside it are optimised with it: once, and not again in each of their callers."""
    code = """
import gc
from fastbp.jit.linking import InnerDispatcher
from numba.core.codegen import JITCodeLibrary
emitted = []
emit = JITCodeLibrary._finalize_specific
JITCodeLibrary._finalize_specific = lambda library: (emitted.append(library.name), emit(library))
"""
    count = """
inner = {d.__qualname__ for d in gc.get_objects() if isinstance(d, InnerDispatcher) and d.overloads}
print(len(inner) > 3, "activation" in emitted, inner.isdisjoint(emitted))
from fastbp.activations import sigmoid  # an inner function, and Python calls it all the same
print(sigmoid(0.0))
"""
    printed = python(code + ONE_LOOP + count, FASTBP_NO_CACHE="1").splitlines()
    assert printed[1:] == ["True True True", "(0.5, 0.25)"]


@pytest.mark.compiled
def test_an_edit_of_any_kernel_source_recompiles(copied: Path, tmp_path: Path) -> None:
    cache = {"FASTBP_CACHE_DIR": str(tmp_path / "cache")}
    program = COMPILATIONS + ONE_LOOP + COUNT
    first = python(program, path=copied, **cache).split()
    second = python(program, path=copied, **cache).split()
    assert int(first[1]) > 0
    assert second == [first[0], "0"]
    files = list((tmp_path / "cache").rglob("*.nb?"))
    assert files
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in (tmp_path / "cache").iterdir())
    # A callee in another file than the cached function's: what Numba alone would not notice.
    source = copied / "fastbp" / "functions/activations.py"
    edited = source.read_text().replace("q = one / (one + t)", "q = one / (one + t + t)", 1)
    source.write_text(edited)
    third = python(program, path=copied, **cache).split()
    assert int(third[1]) > 0
    assert third[0] != first[0]


@pytest.mark.compiled
def test_an_installation_elsewhere_finds_what_another_compiled(copied: Path, tmp_path: Path) -> None:
    """A new virtual environment, say, or a checkout that was moved."""
    program = COMPILATIONS + ONE_LOOP + COUNT
    moved = shutil.copytree(copied, tmp_path / "elsewhere")
    cache = {"FASTBP_CACHE_DIR": str(tmp_path / "cache")}
    first = python(program, path=copied, **cache).split()
    assert int(first[1]) > 0
    assert python(program, path=moved, **cache).split() == [first[0], "0"]


@pytest.mark.compiled
def test_a_damaged_cache_costs_a_compilation(copied: Path, tmp_path: Path) -> None:
    cache = {"FASTBP_CACHE_DIR": str(tmp_path / "cache")}
    expected = python(ONE_LOOP, path=copied, **cache)
    files = list((tmp_path / "cache").rglob("*.nbc"))
    assert files
    for damage in (lambda whole: whole[:20], lambda whole: b"", lambda whole: whole[:-20]):
        for file in files:
            file.write_bytes(damage(file.read_bytes()))
        assert python(ONE_LOOP, path=copied, **cache) == expected


@pytest.mark.compiled
def test_a_constant_changed_beside_the_kernels_is_noticed(copied: Path, tmp_path: Path) -> None:
    """Loops of ``prange`` stand in a file of their own, which the directory of the cache is not named after."""
    program = (
        "import numpy as np\n"
        "from fastbp.compare.peers.prange import adam\n"
        "w, g, m, v = np.zeros(1), np.ones(1), np.ones(1), np.ones(1)\n"
        "adam(w, g, m, v, 0.0, 1.0)\n"
        "print(round(m[0], 3))"
    )
    cache = {"FASTBP_CACHE_DIR": str(tmp_path / "cache")}
    assert float(python(program, path=copied, **cache)) == 1.0
    source = copied / "fastbp" / "compare" / "peers" / "prange.py"
    source.write_text(source.read_text().replace("kind(0.9) * m[i]", "kind(0.7) * m[i]"))
    assert float(python(program, path=copied, **cache)) == 0.8


@pytest.mark.slow
@pytest.mark.compiled
def test_processes_that_compile_at_the_same_time_keep_their_code_apart(copied: Path, tmp_path: Path) -> None:
    """What each writes who began with an empty cache, one over the other."""
    programs = {dtype: ONE_LOOP.replace("np.ones(1)", f"np.ones(1, '{dtype}')") for dtype in ("float32", "float64")}
    both = tmp_path / "both"
    values = {}
    for dtype, program in programs.items():
        values[dtype] = python(program, path=copied, FASTBP_CACHE_DIR=str(tmp_path / dtype))
        shutil.copytree(tmp_path / dtype, both, dirs_exist_ok=True)
    assert values["float32"] != values["float64"]
    for dtype, program in programs.items():
        found = python(COMPILATIONS + program + COUNT, path=copied, FASTBP_CACHE_DIR=str(both)).split()
        assert found == [values[dtype].strip(), "0"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions are those of POSIX")
def test_a_read_only_install_without_a_home(copied: Path, tmp_path: Path) -> None:
    program = COMPUTE if jit.DISABLED else ONE_LOOP  # a loop without a cache, and not minutes of compiling
    plain = {"FASTBP_DISABLE_JIT": "1"} if jit.DISABLED else {}
    expected = python(program, path=copied, **plain)
    for folder in (copied / "fastbp", copied):
        folder.chmod(0o555)
    nowhere = {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/proc/nowhere", "FASTBP_CACHE_DIR": ""}
    try:
        where = "import fastbp.jit\nprint(fastbp.jit.CACHE_DIR)"
        printed = python(program + where, path=copied, **plain, **nowhere).split()
    finally:
        copied.chmod(0o755)
    assert printed == [expected, "None"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions are those of POSIX")
def test_a_directory_that_others_may_write_to_is_no_cache(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    assert cache.usable(shared)
    shared.chmod(0o777)
    assert not cache.usable(shared)


@pytest.mark.compiled
def test_plain_python_gives_almost_the_same() -> None:
    """Only the fused multiply-add is missing."""
    plain = float(python(COMPUTE, FASTBP_DISABLE_JIT="1"))
    assert plain == pytest.approx(float(python(COMPUTE)), rel=1e-6)


@pytest.mark.compiled
def test_no_float32_is_widened_in_the_loops() -> None:
    """A literal of the wrong type would turn a float32 kernel into a float64 one without a sound."""
    import numpy as np

    from fastbp.kernels import dense, updates

    a = np.ones(8, np.float32)
    dense.activation(0, 8, a, a.copy(), a.copy())
    updates.update(3, a, a.copy(), np.float32(0.1), a.copy(), a.copy(), updates.Constants(*a[:6]))
    for kernel in (dense.activation.standalone, updates.update.standalone):
        assert kernel.signatures
        for text in kernel.inspect_llvm().values():
            assert "fpext" not in text


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="AVX2 is of x86-64")
def test_avx2_alone_has_the_bits_of_this_cpu() -> None:
    """Blocks of other shapes, vectors of another width, and every activation: the same weights."""
    code = """
import hashlib, fastbp, numpy as np
rng = np.random.default_rng(0)
seen = hashlib.sha256()
for dtype in ("float32", "float64"):
    for name in ("sigmoid", "tanh", "relu", "leaky_relu", "softplus", "silu", "gelu", "mish"):
        options = {"cost": "cross_entropy", "dtype": dtype, "seed": 0}
        net = fastbp.Network([37, 45, 19, 10], activations=[name, name, "softmax"], **options)
        X, Y = rng.standard_normal((70, 37)), rng.integers(0, 10, 70)
        fastbp.train(net, X, Y, epochs=2, batch_size=23, optimizer=fastbp.SGD(0.05), seed=0)
        seen.update(net.theta.tobytes())
print(seen.hexdigest())
"""
    features = "+avx,+avx2,+fma,+sse4.2,+bmi,+bmi2,+f16c,+popcnt,-avx512f,-avx512vl"
    assert python(code, NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES=features) == python(code)


def test_any_edit_of_a_kernel_source_changes_the_digest(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = copied / "fastbp"
    monkeypatch.setattr(cache, "PACKAGE", package)
    before = cache.digest([])
    sources = [*package.glob("kernels/**/*.py"), *package.glob("textbook/*.py"), package / "functions/activations.py"]
    sources += [package / "functions/elementary.py", *package.glob("jit/*.py")]
    assert len(sources) > 12
    for source in sources:
        text = source.read_text()
        source.write_text(text + "\n")
        assert cache.digest([]) != before, source
        source.write_text(text)
    assert cache.digest([]) == before
    assert cache.digest(["another option"]) != before
