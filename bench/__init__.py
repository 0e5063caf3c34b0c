"""Benchmarks that need a checkout: they measure into files of results, and write the documentation's tables of these.

* `forward`, `start`, `memory`, `threads`, `mnist`, `estimators`: what is measured beside the races of `fastbp.compare`.
* `full` measures all of it into one of the `files` of results, one for each CPU.
* `held` says how many threads a suite has; `sweeps` has nets of growing size, `peak` the most that a core can do.
* `scaling` is a model of the time of a step; `pictures` draws; `report` makes the README's tables of the files.
* ``test_*.py`` are suites of pytest-benchmark.
"""
