"""fastbp.sklearn beside scikit-learn, with the goals as assertions: `fastbp.bench.estimators` measures.

python -m pytest bench/test_sklearn.py -s
"""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn")

from fastbp.bench import estimators


@pytest.mark.parametrize(("net", "solver", "dtype"), estimators.CASES)
def test_an_epoch(net: estimators.Net, solver: str, dtype: str, n_threads: int) -> None:
    row = estimators.epoch(net, solver, dtype, n_threads)
    print("\n" + "\n".join(estimators.epoch_table([row])))
    assert estimators.missed([row]) == []


@pytest.mark.parametrize("name", list(estimators.data_sets()))
def test_a_data_set(name: str, n_threads: int) -> None:
    estimators.quality(name, n_threads, seeds=1)  # compiled before it is timed
    row = estimators.quality(name, n_threads)
    print("\n" + "\n".join(estimators.quality_table([row])))
    assert estimators.within_noise(row)
