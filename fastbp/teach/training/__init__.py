"""Why a training does not learn: what is seen in it, what was tried with one thing changed, and its name."""
