"""Tables: what a preset for tables is developed and judged on, beside its peers. `python -m bench.tables` runs it."""
