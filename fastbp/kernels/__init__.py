"""The equations as compiled loops, blocked for the machine and run by a team of threads.

The letters, as in the notes:

======  =====================================================================  =========================
letter  meaning                                                                in code
======  =====================================================================  =========================
l       layer: 0 is the input, L the output; weights exist for l = 1..L        ``range(L, 0, -1)``
j       neuron in layer l                                                      ``z[x, j]``, ``b[j]``
k       neuron in the neighbouring layer: l - 1 in F1 and BP4, l + 1 in BP2    ``w[k, j]``, ``w_next[j, k]``
x       training sample                                                        first axis: ``a[x, j]``
w b z   weight, bias, weighted input, activation, error, cost, as in the       superscripts become suffixes
a d C   notes; d is delta                                                      ``_prev`` l - 1, ``_next`` l + 1
J K X   sizes of those index sets                                              ``range(K)``
======  =====================================================================  =========================

Inside the kernels w is stored input-major: ``w[k, j]`` is w_jk^l.

The way down: an equation in `dense` says which matrices its sum is made of; `gemm.gemm` goes through the panels and
tiles of that sum; `gemm.microkernel` computes one tile: to each acc[i, j] it adds a[i, k] b[k, j], a vector v of
columns j at a time. In F1 and BP2 its i is x, and j and k are the equation's; in BP4 its i is the equation's k, and its
k runs over the samples.
"""
