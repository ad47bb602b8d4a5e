"""Which tensor depends on which: autograd's graph of one forward pass, read, never run backward.

Layers are "consecutive" only if the second one's input depends on the first one's output.
Execution order alone does not say so: a ResNet's shortcut convolution runs right after the
convolution that it is parallel to. The graph that autograd records settles it, for any model and
without its names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from torch import Tensor

__all__ = ["Edge", "Graph", "Node", "Pair", "edge_of"]

#: A node of the autograd graph; torch offers no public type for all of them.
Node = Any
#: Which output of which node: parts of one `chunk` share their node.
Edge = tuple[Node, int]


class Pair(NamedTuple):
    """Two consecutive layers.

    Attributes:
        parent: Name of layer j - 1.
        child: Name of layer j.
        connected: Whether the child's input depends on the parent's output.
    """

    parent: str
    child: str
    connected: bool


class Graph:
    """The autograd graph under some tensors.

    Args:
        edges: Where to start, usually the outputs of the model and the inputs of its modules.
    """

    def __init__(self, edges: Iterable[Edge]) -> None:
        # Post-order: every node comes after all it depends on. Iterative, since depth is
        # unbounded. The dictionary also keeps the Python side of each node alive, hence its
        # identity.
        self.children: dict[Node, tuple[Edge, ...]] = {}
        self.order: list[Node] = []
        for root, _ in edges:
            stack = [(root, False)]
            while stack:
                node, done = stack.pop()
                if done:
                    self.order.append(node)
                elif node not in self.children:
                    below = tuple((n, i) for n, i in node.next_functions if n is not None)
                    self.children[node] = below
                    stack.append((node, True))
                    stack.extend((n, False) for n, _ in below if n not in self.children)

    def reach(self, marks: Mapping[Node, int]) -> dict[Node, int]:
        """Return, per node, the union of the marks (bits) of itself and all that it depends on."""
        bits: dict[Node, int] = {}
        for node in self.order:
            found = marks.get(node, 0)
            for child, _ in self.children[node]:
                found |= bits[child]
            bits[node] = found
        return bits

    def below(self, edges: Iterable[Edge], stop: Iterable[Edge] = ()) -> set[Node]:
        """Return the nodes that `edges` depend on, their own included, not walking into `stop`."""
        walls, seen, found = set(stop), set(), set()
        todo = [edge for edge in edges if edge not in walls]
        while todo:
            edge = todo.pop()
            if edge in seen:
                continue
            seen.add(edge)
            found.add(edge[0])
            todo.extend(child for child in self.children[edge[0]] if child not in walls)
        return found

    def between(
        self, edge: Edge, stop: set[Edge], bits: Mapping[Node, int], bit: int
    ) -> Iterator[Node]:
        """Yield the nodes with a bit that an edge depends on, not walking into `stop`."""
        seen: set[Node] = set()
        todo = [edge]
        while todo:
            found = todo.pop()
            node = found[0]
            if found in stop or node in seen or not bits[node] & bit:
                continue
            seen.add(node)
            yield node
            todo.extend(self.children[node])

    @cached_property
    def users(self) -> dict[Node, list[Node]]:
        """For each node those that take it as an input."""
        users: dict[Node, list[Node]] = {node: [] for node in self.order}
        for node, children in self.children.items():
            for child, _ in children:
                users[child].append(node)
        return users


def edge_of(tensor: Tensor) -> Edge | None:
    """Return where `tensor` comes from in the graph, or None when autograd did not record it."""
    if tensor.grad_fn is not None:
        return tensor.grad_fn, tensor.output_nr
    return None
