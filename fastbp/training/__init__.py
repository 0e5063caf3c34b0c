"""Training: the loop over minibatches, and all that decides what it does next."""
