"""Which layers are the projections on the shortcuts of residual blocks.

A residual block adds two branches that begin at one tensor. The projection is the one layer of a
branch of its own; it runs parallel to the block and is no layer of the chain. Many sums look
similar and are none: adapters of low rank, whose other branch is linear too; the wide part of a
wide-and-deep network, which begins at the input or ends in the output; one step of a recurrence,
whose layers run again in the next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from robustsplit.network.pairs import Edge, Graph, Node

__all__ = ["projections"]

#: What autograd calls operations that are linear in one argument, or affine (batch normalisation
#: in eval mode), without "Backward" and its number.
LINEAR = frozenset(
    "Add Sub Mul Div Neg Addmm Mm Bmm Baddbmm Mv Linear Convolution MkldnnConvolution View "
    "UnsafeView ReshapeAlias T Transpose Permute Expand Clone ToCopy Alias Squeeze Unsqueeze Cat "
    "Select Slice Split SplitWithSizes Unbind Sum Mean AvgPool2D AdaptiveAvgPool2D "
    "NativeBatchNorm CudnnBatchNorm ConstantPadNd".split()
)


def projections(
    graph: Graph, marks: Mapping[Node, int], inputs: Mapping[int, list[Edge]], repeated: int
) -> int:
    """Return the bits of the layers that are projections on shortcuts.

    It does not matter which of the branches runs first. An identity branch holds no layer, and
    parallel branches that are concatenated (Inception) are no shortcuts of each other.

    Args:
        graph: The graph of a pass.
        marks: For the nodes of layers' outputs, the bit of the layer.
        inputs: For each bit, where the layer's inputs come from.
        repeated: The bits of layers that run more than once.

    Returns:
        The bits of layers that are alone on their branch of a sum, where the branches begin behind
        a layer, the other holds two layers or more with something that is not linear, and a layer
        reads the sum.
    """
    bits = graph.reach(marks)
    found = 0
    for node in graph.order:
        ends = graph.children[node]
        if not node.name().startswith("AddBackward") or len(ends) != 2:
            continue
        for (one, _), other in (ends, ends[::-1]):
            alone, block = bits[one] & ~bits[other[0]], bits[other[0]] & ~bits[one]
            before = bits[one] & bits[other[0]]
            if (
                alone.bit_count() == 1
                and block.bit_count() >= 2
                and before
                and not alone & (found | repeated)
                and _bends(graph, other, inputs[alone], bits, before)
                and _is_read(graph, node, inputs)
            ):
                found |= alone
    return found


def _bends(
    graph: Graph, end: Edge, start: list[Edge], bits: Mapping[Node, int], before: int
) -> bool:
    """Whether a branch holds an operation that is not linear, between two edges."""
    ahead = graph.below(start)
    return any(
        bits[node] & before and re.sub(r"Backward\d*$", "", node.name()) not in LINEAR
        for node in graph.below([end], stop=start)
        if node not in ahead
    )


def _is_read(graph: Graph, node: Node, inputs: Mapping[int, list[Edge]]) -> bool:
    """Whether a layer's input depends on a node."""
    reached = graph.reach({node: 1})
    return any(reached[source] for edges in inputs.values() for source, _ in edges)
