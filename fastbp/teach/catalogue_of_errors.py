"""Mistakes in the errors delta (BP1, BP2), in words: what was done, how it comes about, what to write."""

from __future__ import annotations

from fastbp.teach.mistake import Mistake

ERRORS = (
    Mistake(
        "w-not-transposed",
        "BP2",
        "The weights are used where their transpose belongs.",
        "In delta_j^l the sum runs over k, the first index of w_kj^{l+1}: down a column. w @ delta runs along a row.",
        "Write w[l+1].T @ delta[l+1]. The transpose is not the inverse: w need not even be square.",
    ),
    Mistake(
        "slope-at-a",
        "BP1, BP2",
        "sigma' is taken at a instead of z.",
        "sigma' is a function of the weighted input. Code for a (1 - a) takes a; code for "
        "sigma(z) (1 - sigma(z)) takes z: mixing them applies sigma twice.",
        "Keep z of every layer from the forward pass and call sigma_prime(z[l]).",
    ),
    Mistake(
        "sigma-not-slope",
        "BP1, BP2",
        "sigma is used where sigma' belongs.",
        "Link 1 of the chain is the slope of sigma, not its value.",
        "Multiply by sigma_prime(z[l]), for the sigmoid a * (1 - a).",
    ),
    Mistake(
        "no-hidden-slope",
        "BP2",
        "sigma'(z_j^l) is missing in the hidden layers.",
        "Link 2 alone gives dC/da_j^l; link 1 turns it into dC/dz_j^l.",
        "delta[l] = sigma_prime(z[l]) * (w[l+1].T @ delta[l+1]).",
    ),
    Mistake(
        "no-output-slope",
        "BP1",
        "sigma'(z_j^L) is missing in the output layer.",
        "dC/da_j^L times sigma'(z_j^L) is delta_j^L. It only looks missing with cross-entropy, where the two cancel "
        "to a - y.",
        "delta[L] = (a[L] - y) * sigma_prime(z[L]) with the quadratic cost, a[L] - y with cross-entropy.",
    ),
    Mistake(
        "one-path",
        "BP2",
        "One path instead of the sum over k.",
        "The cost feels z_j^l through every neuron k of the next layer, and the changes add up. Often an = in the "
        "loop where += belongs.",
        "Add up all k: total += w[l+1][k, j] * delta[l+1][k].",
    ),
    Mistake(
        "updated-weights",
        "BP2",
        "BP2 uses weights that are already updated.",
        "All derivatives belong to one point: the weights before the step. Layer l+1 was moved before its errors went "
        "back through it.",
        "Compute every gradient first; then update every layer.",
    ),
    Mistake(
        "y-minus-a",
        "BP1",
        "The sign of the error is turned: y - a instead of a - y.",
        "C falls where a moves towards y, so dC/da is a - y. y - a is the negative gradient, which only fits w += ...",
        "delta[L] starts from a[L] - y, and the update subtracts.",
    ),
    Mistake(
        "no-half",
        "BP1",
        "The cost has no 1/2: everything is twice too large.",
        "The derivative of (y - a)^2 is 2 (a - y); the notes' C has a 1/2 that cancels the 2.",
        "Use a - y without the 2, or state the other cost.",
    ),
    Mistake(
        "mean-over-outputs",
        "BP1",
        "The cost is a mean over the outputs instead of a sum.",
        "Libraries' mean squared error, and np.mean over all entries, also divide by the number of outputs; the "
        "notes' C is "
        "1/2 the sum over j.",
        "Divide by the number of samples only.",
    ),
    Mistake(
        "extra-slope",
        "BP1",
        "An extra sigma' with cross-entropy.",
        "The cross-entropy's 1 / (a (1 - a)) has already cancelled it; for softmax the sum over k collapses to a - y.",
        "delta[L] = a[L] - y, and nothing else.",
    ),
    Mistake(
        "no-slope",
        "BP1, BP2",
        "sigma' is missing in every layer.",
        "Link 1 of the chain, z_j^l -> a_j^l, is taken as 1. For relu that is also what a >= 0 gives: a is never "
        "negative, "
        "so that asks nothing.",
        "Multiply by sigma_prime(z[l]) in every layer; for relu by z[l] > 0.",
    ),
    Mistake(
        "formula-at-z",
        "BP1, BP2",
        "The formula of sigma' in terms of a is given z.",
        "a (1 - a) and 1 - a^2 are sigma' where a = sigma(z) is put in. With z in its place they are no slope of "
        "anything.",
        "Write a[l] * (1 - a[l]) for the sigmoid, 1 - a[l]**2 for tanh; or sigma_prime(z[l]).",
    ),
    Mistake(
        "part-of-slope",
        "BP1, BP2",
        "Only 1 - a stands where sigma' belongs.",
        "The sigmoid's slope is a (1 - a), tanh's is 1 - a^2: a factor, or a square, was lost.",
        "Write a[l] * (1 - a[l]) for the sigmoid, 1 - a[l]**2 for tanh.",
    ),
    Mistake(
        "slope-squared",
        "BP1, BP2",
        "sigma' is multiplied in twice.",
        "Each layer is passed once on the way back: once before the error is handed on, or once after, not both.",
        "delta[l] = sigma_prime(z[l]) * (w[l+1].T @ delta[l+1]), and nothing else.",
    ),
    Mistake(
        "slope-of-wrong-layer",
        "BP2",
        "sigma' of another layer's z is taken.",
        "delta_j^l needs sigma' at its own z_j^l; lists that start at different layers are easily one off.",
        "Use z[l], the weighted input of the layer whose delta is computed.",
    ),
    Mistake(
        "slope-of-another",
        "BP1, BP2",
        "The slope of another activation is used than goes forward.",
        "When sigma was changed, sigma' was not: each activation has a slope of its own.",
        "Change sigma_prime together with sigma.",
    ),
    Mistake(
        "slope-at-zero",
        "BP1, BP2",
        "The slope at z = 0 is taken as that of z > 0.",
        "z >= 0 counts 0 as active. Where z is exactly 0, as with inputs of 0 and biases of 0, a neuron that gives "
        "nothing then learns; fastbp and most libraries take the slope on the left there.",
        "Write z[l] > 0.",
    ),
    Mistake(
        "slope-negated",
        "BP1, BP2",
        "sigma' has the wrong sign.",
        "The sigmoid rises: its slope a (1 - a) is positive. a (a - 1) is not.",
        "Write a[l] * (1 - a[l]).",
    ),
    Mistake(
        "bias-unit",
        "BP2",
        "The bias unit is cut off at the wrong end.",
        "Where biases are one more column of w, that column's error goes nowhere and is dropped. Here an error of a "
        "neuron was dropped in its place, and all others moved by one.",
        "Drop the column that holds the biases, the first or the last, as the forward pass appends it.",
    ),
    Mistake(
        "half-left",
        "BP1",
        "The 1/2 of the cost is still there: everything is half as large as it should be.",
        "The derivative of 1/2 (y - a)^2 is a - y: the exponent brings a 2 that cancels the 1/2. "
        "Cross-entropy has no 1/2.",
        "delta[L] starts from a[L] - y.",
    ),
    Mistake(
        "one-error",
        "BP1",
        "One error, that of all outputs together, stands for that of each output.",
        "dC/da_j^L has only output j in it: the others' errors are theirs, and in a sum they cancel.",
        "a[L] - y, neither added up nor averaged over j.",
    ),
    Mistake(
        "cost-not-slope",
        "BP1",
        "The cost itself goes back in place of its derivative.",
        "What goes back is dC/da, which has the error once and keeps its sign; the cost has it squared.",
        "delta[L] starts from a[L] - y.",
    ),
    Mistake(
        "softmax-diagonal",
        "BP1",
        "Only the diagonal of softmax's Jacobian is there.",
        "Every output of softmax feels every z: dC/dz_j sums over all outputs k, a_k (1 - a_k) for k = j and -a_k a_j "
        "else.",
        "Take the whole Jacobian; with cross-entropy it leaves delta[L] = a[L] - y.",
    ),
    Mistake(
        "half-cross-entropy",
        "BP1",
        "The cost has only the term y ln a: (1 - y) ln(1 - a) is missing.",
        "With sigmoid outputs each neuron answers a yes or no of its own, and a wrong yes must cost something too.",
        "delta[L] = a[L] - y.",
    ),
    Mistake(
        "raw-error",
        "BP2",
        "The raw error goes back instead of delta.",
        "What passes from layer to layer is delta, dC/dz, which has sigma' of its layer in it. The error before "
        "sigma' is "
        "dC/da: sent back through w, it leaves link 1 of the layer it comes from out.",
        "delta[l] = sigma_prime(z[l]) * (w[l+1].T @ delta[l+1]).",
    ),
    Mistake(
        "output-error-everywhere",
        "BP2",
        "Every layer takes the output layer's delta.",
        "delta of layer l comes from delta of layer l + 1; only the last hidden layer stands before the output.",
        "Carry delta on: delta = sigma_prime(z[l]) * (w[l+1].T @ delta).",
    ),
    Mistake(
        "sign-lost",
        "BP1, BP2",
        "An absolute value takes the sign away.",
        "The sign says in which direction the cost falls; without it every error pushes the same way.",
        "Leave the error signed, also where its size is printed.",
    ),
    Mistake(
        "mean-over-paths",
        "BP2",
        "The mean over k stands where the sum over k belongs.",
        "Each k is a path of its own from the neuron to the cost, and the changes along all of them add up.",
        "w[l+1].T @ delta[l+1], divided by nothing.",
    ),
    Mistake(
        "own-weights",
        "BP2",
        "The errors go back through the layer's own weights.",
        "w^l leads into layer l. The errors of layer l + 1 come back through the weights that lead there, w^{l+1}.",
        "delta[l] = sigma_prime(z[l]) * (w[l+1].T @ delta[l+1]).",
    ),
    Mistake(
        "no-weights",
        "BP2",
        "The weights are missing in the sum over k.",
        "Each k feels the neuron through the weight between them: delta_k counts w_kj times, not once.",
        "w[l+1].T @ delta[l+1], not delta[l+1].sum().",
    ),
    Mistake(
        "error-shared",
        "BP2",
        "The error is shared out in proportion to the weights.",
        "A share w_kj / sum_j w_kj is a picture, not a derivative: z_k moves by w_kj when a_j moves by 1.",
        "w[l+1].T @ delta[l+1], with the weights as they are.",
    ),
    Mistake(
        "another-cost",
        "BP1",
        "Right, but for another cost.",
        "Nothing is wrong in the derivation; it starts from another dC/da.",
        "Use the network's own cost, or tell fastbp yours: cost= of check_backprop.",
    ),
)
