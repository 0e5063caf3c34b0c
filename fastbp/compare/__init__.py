"""fastbp beside other libraries: one table of nets and of peers, for ``fastbp bench`` and for the suites of ``bench/``.

* `nets`: what is trained; `peers`: who trains it.
* `measure`: turns side by side; `pin`: a fresh process of a given number of threads.
* `run`: what such a process measures, once it has proven that the gradient is the same.
* `results`: files of races, and what has become slower.
"""
