"""Benchmarks: one table of nets and of peers, for the suites, the tests, the report and ``fastbp bench`` alike.

* `nets`: what is trained; `peers`: who trains it, a file each.
* `agree`: the same gradient, proven before anything is timed; `measure`: turns side by side.
* `pin`: a fresh process of a given number of threads; `run`: what such a process measures.
* `forward`, `start`, `memory`, `mnist`: the other figures; `scaling`: the model of the time per step.
* `full` measures all of it into one file; `report` makes the README's table and the pictures of that file.
"""
