"""How good a model is: metrics, baselines, and what its predictions depend on; in NumPy alone."""
