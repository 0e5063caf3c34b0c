"""From a network and checked arrays to kernels that run: plans, records, threads, slices."""
