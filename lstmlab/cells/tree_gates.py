"""The Tree-LSTM's equations, one function each, and the derivatives that the LSTM does not have.

Arrays stand in columns: ``x_j`` is ``(n_x, n)``, one column a node j, and ``h_k`` is ``(n_h, K)``, one
column a child k.

``counts`` says whose child is whose: ``counts[k]`` nodes have at least k children, so ``counts[0]`` is n
and the sum of the others is K. Nodes stand with the most children first; the children's columns are all
first children, then all second children, and so on. The k-th children then belong to the first
``counts[k]`` nodes, and a sum over children is a handful of additions of slices: no column is padded, no
index is looked up, and the work is that of K additions. (A product with a 0/1 matrix would do n K of
them; padding to the widest node would let one wide node make all others pay.)
"""

from __future__ import annotations

from lstmlab.backend import device, namespace
from lstmlab.cells.gates import explicit_pre_activation
from lstmlab.cells.gradients import concatenation_gradient
from lstmlab.functions import sigmoid, tanh
from lstmlab.typing import Array


def sum_over_children(a_k: Array, counts: tuple[int, ...]) -> Array:
    r"""Sum over children, :math:`\tilde a_j = \sum_{k\in C(j)} a_k`; zero for a leaf.

    Implements :eq:`eq-child-sum`. With :math:`a = h` this is the child sum :math:`\tilde h_j`. The mirror
    of :func:`to_each_child`.

    Parameters
    ----------
    a_k
        One column a child, shape ``(n, K)``, in the order that the module's head describes.
    counts
        ``counts[k]`` nodes have at least k children.

    Returns
    -------
    array
        One column a node, shape ``(n, counts[0])``.

    References
    ----------
    Tai, Socher and Manning (2015), equation 2.
    """
    a_tilde_j = namespace(a_k).zeros((a_k.shape[0], counts[0]), dtype=a_k.dtype, device=device(a_k))
    start = 0
    for n_k in counts[1:]:
        a_tilde_j[:, :n_k] += a_k[:, start : start + n_k]
        start += n_k
    return a_tilde_j


def to_each_child(a_j: Array, counts: tuple[int, ...]) -> Array:
    r"""Copy a node's column to each of its children, :math:`a_{jk} = a_j` for :math:`k\in C(j)`.

    Implements :eq:`eq-to-each-child`. The mirror of :func:`sum_over_children`: what a sum receives goes to
    each of its terms unchanged.

    Parameters
    ----------
    a_j
        One column a node, shape ``(n, counts[0])``.
    counts
        ``counts[k]`` nodes have at least k children.

    Returns
    -------
    array
        One column a child, shape ``(n, K)``.
    """
    return namespace(a_j).concat([a_j[:, :0], *(a_j[:, :n_k] for n_k in counts[1:])], axis=1)


def tree_forget_gate(W_f: Array, U_f: Array, b_f: Array, x_jk: Array, h_k: Array) -> Array:
    r"""Forget gate, one for each child, :math:`f_{jk} = \sigma(W_f x_j + U_f h_k + b_f)`.

    Implements :eq:`eq-tree-forget-gate`. It reads its *own* child's :math:`h_k`, not the sum
    :math:`\tilde h_j`: a node can keep one child and forget another. The matrices are shared by all
    children.

    Parameters
    ----------
    W_f, U_f, b_f
        Shapes ``(n_h, n_x)``, ``(n_h, n_h)``, ``(n_h, 1)``.
    x_jk
        The *parent's* input, once for each child, shape ``(n_x, K)``.
    h_k
        The children's hidden states, shape ``(n_h, K)``.

    Returns
    -------
    array
        Shape ``(n_h, K)``, values in (0, 1).

    References
    ----------
    Tai, Socher and Manning (2015), equation 4.
    """
    return sigmoid(explicit_pre_activation(U_f, W_f, b_f, h_k, x_jk))


def tree_input_gate(W_i: Array, U_i: Array, b_i: Array, x_j: Array, h_tilde_j: Array) -> Array:
    r"""Input gate, :math:`i_j = \sigma(W_i x_j + U_i \tilde h_j + b_i)`.

    Implements :eq:`eq-tree-input-gate`.

    Parameters
    ----------
    W_i, U_i, b_i
        Shapes ``(n_h, n_x)``, ``(n_h, n_h)``, ``(n_h, 1)``.
    x_j, h_tilde_j
        Shapes ``(n_x, n)`` and ``(n_h, n)``.

    Returns
    -------
    array
        Shape ``(n_h, n)``, values in (0, 1).
    """
    return sigmoid(explicit_pre_activation(U_i, W_i, b_i, h_tilde_j, x_j))


def tree_output_gate(W_o: Array, U_o: Array, b_o: Array, x_j: Array, h_tilde_j: Array) -> Array:
    r"""Output gate, :math:`o_j = \sigma(W_o x_j + U_o \tilde h_j + b_o)`.

    Implements :eq:`eq-tree-output-gate`.

    Parameters
    ----------
    W_o, U_o, b_o
        Shapes ``(n_h, n_x)``, ``(n_h, n_h)``, ``(n_h, 1)``.
    x_j, h_tilde_j
        Shapes ``(n_x, n)`` and ``(n_h, n)``.

    Returns
    -------
    array
        Shape ``(n_h, n)``, values in (0, 1).
    """
    return sigmoid(explicit_pre_activation(U_o, W_o, b_o, h_tilde_j, x_j))


def tree_candidate(W_u: Array, U_u: Array, b_u: Array, x_j: Array, h_tilde_j: Array) -> Array:
    r"""Candidate values, :math:`u_j = \tanh(W_u x_j + U_u \tilde h_j + b_u)`.

    Implements :eq:`eq-tree-candidate`.

    Parameters
    ----------
    W_u, U_u, b_u
        Shapes ``(n_h, n_x)``, ``(n_h, n_h)``, ``(n_h, 1)``.
    x_j, h_tilde_j
        Shapes ``(n_x, n)`` and ``(n_h, n)``.

    Returns
    -------
    array
        Shape ``(n_h, n)``, values in (-1, 1).
    """
    return tanh(explicit_pre_activation(U_u, W_u, b_u, h_tilde_j, x_j))


def tree_cell_state(i_j: Array, u_j: Array, f_jk: Array, C_k: Array, counts: tuple[int, ...]) -> Array:
    r"""Cell state, :math:`C_j = i_j \odot u_j + \sum_{k\in C(j)} f_{jk} \odot C_k`.

    Implements :eq:`eq-tree-cell-state`.

    Parameters
    ----------
    i_j, u_j
        Shape ``(n_h, n)``.
    f_jk, C_k
        Shape ``(n_h, K)``.
    counts
        ``counts[k]`` nodes have at least k children.

    Returns
    -------
    array
        Shape ``(n_h, n)``; for a leaf only the first term.

    References
    ----------
    Tai, Socher and Manning (2015), equation 7.
    """
    return i_j * u_j + sum_over_children(f_jk * C_k, counts)


def child_sum_gradient(U: tuple[Array, ...], deltas: tuple[Array, ...]) -> Array:
    r"""Gradient of the child sum.

    Implements :eq:`eq-tree-dh-sum`:
    :math:`\partial L/\partial\tilde h_j = \sum_{g\in\{i,o,u\}} U_g^\top\delta_{g,j}`; the forget gates
    are not in it, because they do not read the sum.

    Parameters
    ----------
    U
        ``U_i, U_o, U_u``, each ``(n_h, n_h)``.
    deltas
        Their pre-activations' gradients, each ``(n_h, n)``.

    Returns
    -------
    array
        Shape ``(n_h, n)``.
    """
    return concatenation_gradient(U, deltas)


def child_hidden_gradient(U_f: Array, delta_f: Array, dh_tilde_j: Array, counts: tuple[int, ...]) -> Array:
    r"""What a node passes back to a child's hidden state.

    Implements :eq:`eq-tree-dh-child`:
    :math:`\partial L/\partial h_k = \partial L/\partial\tilde h_j + U_f^\top\delta_{f,jk}`: the same for all
    children through the sum, and each child's own through its forget gate. Losses at the child itself
    are added by the walk over the levels.

    Parameters
    ----------
    U_f
        Shape ``(n_h, n_h)``.
    delta_f
        Shape ``(n_h, K)``.
    dh_tilde_j
        Shape ``(n_h, n)``.
    counts
        ``counts[k]`` nodes have at least k children.

    Returns
    -------
    array
        Shape ``(n_h, K)``.
    """
    return to_each_child(dh_tilde_j, counts) + U_f.T @ delta_f


def node_input_gradient(
    W: tuple[Array, ...], deltas: tuple[Array, ...], W_f: Array, delta_f: Array, counts: tuple[int, ...]
) -> Array:
    r"""Gradient of a node's input.

    Implements :eq:`eq-tree-dx`:
    :math:`\partial L/\partial x_j = \sum_{g\in\{i,o,u\}} W_g^\top\delta_{g,j}
    + W_f^\top\sum_{k\in C(j)}\delta_{f,jk}`: every forget gate of the node has read :math:`x_j`.

    Parameters
    ----------
    W
        ``W_i, W_o, W_u``, each ``(n_h, n_x)``.
    deltas
        Their pre-activations' gradients, each ``(n_h, n)``.
    W_f
        Shape ``(n_h, n_x)``.
    delta_f
        Shape ``(n_h, K)``.
    counts
        ``counts[k]`` nodes have at least k children.

    Returns
    -------
    array
        Shape ``(n_x, n)``.
    """
    return concatenation_gradient(W, deltas) + W_f.T @ sum_over_children(delta_f, counts)
