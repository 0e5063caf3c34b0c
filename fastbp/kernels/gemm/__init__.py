"""One sum under three equations: c = epilogue(init + a b)."""
