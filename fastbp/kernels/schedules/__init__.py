"""Which thread does which tile of a minibatch, and where the threads wait for each other."""
