"""A traced model seen as weight layers: their order, and which follows from which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Literal

from mitools.samples.messages import unknown
from robustsplit.network.owners import EMBEDDINGS, Owners
from robustsplit.network.pairs import Edge, Node, Pair
from robustsplit.network.probes import moves, sloped
from robustsplit.network.shortcuts import projections
from robustsplit.network.trace import Call, Trace

__all__ = ["Layer", "LayerSelection", "Network", "Shortcuts"]

Shortcuts = Literal["exclude", "include"]

#: Operations that return a part of a tensor, as autograd calls them.
CUTTING = re.compile(
    r"(Select|Slice|Index|IndexSelect|Split|SplitWithSizes|Unbind|Gather|Take|AsStrided|"
    r"MaskedSelect|Where|Diagonal|ConstantPadNd|Unfold)Backward"
)


@dataclass(frozen=True)
class Layer:
    """One pass through one layer.

    Attributes:
        name: Canonical dotted name; a module's second pass is "name:2".
        kind: Class of the module.
        position: Place among the network's layers, from 0 at the input; -1 for a module that is
            not one of them (a block, or a shortcut that was left out) and was asked for by name.
        calls: How often the module runs in one forward pass.
        input_shape: Shape of one sample's input, without the batch axis.
        output_shape: Shape of one sample's output.
        n_parameters: Number of parameters in the module.
        shortcut: Whether it is the projection on a residual block's shortcut.
        connected: Whether its input depends on the output of the layer before it (True for the
            first).
        note: What else to know, in words; empty if nothing.
    """

    name: str
    kind: str
    position: int
    calls: int
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    n_parameters: int
    shortcut: bool = False
    connected: bool = True
    note: str = ""

    @property
    def dim(self) -> int:
        """Number of values in one sample's output."""
        return prod(self.output_shape)


#: None for all, names and globs, positions, or a question about each layer.
LayerSelection = (
    None | str | int | slice | Sequence[str] | Sequence[Layer] | Callable[[Layer], bool]
)


class Network:
    """A traced model seen as weight layers: their order, connections, and selections among them.

    Args:
        traced: The forward pass.
        shortcuts: Whether projections on residual shortcuts count as layers.
        embeddings: Whether embeddings do.

    Attributes:
        main: The layers, in execution order.
        parallel: Identities of the calls that are projections on residual shortcuts.
        left_out: Keys of those that are not among the layers.
        owners: Which modules own weights.
    """

    def __init__(
        self, traced: Trace, *, shortcuts: Shortcuts = "exclude", embeddings: bool = False
    ) -> None:
        if shortcuts not in ("exclude", "include"):
            raise ValueError(f"`shortcuts` must be 'exclude' or 'include', got {shortcuts!r}.")
        self.trace = traced
        self.owners = Owners(traced)
        layers = [
            entry
            for entry in traced.calls
            if entry.name in self.owners.layers
            and entry not in self.owners.idle
            and (embeddings or not isinstance(entry.module, EMBEDDINGS))
        ]
        self._marks: dict[Node, int] = {}
        for bit, entry in enumerate(traced.calls):
            for node, _ in entry.outputs:
                self._marks[node] = self._marks.get(node, 0) | 1 << bit
        self._bits = {id(entry): 1 << bit for bit, entry in enumerate(traced.calls)}
        self._reach = traced.graph.reach(self._marks)
        self._received: dict[tuple[int, int], int | None] = {}
        self.parallel = self._find_shortcuts(layers)
        keep = shortcuts == "include"
        self.main = [entry for entry in layers if keep or id(entry) not in self.parallel]
        self.left_out = tuple(entry.key for entry in layers if entry not in self.main)
        self._place = {id(entry): place for place, entry in enumerate(self.main)}

    @property
    def warnings(self) -> list[str]:
        """Say which modules and weights are not in the list of layers, one sentence each."""
        return list(self.owners.warnings)

    def connected(self, parent: Call, child: Call) -> bool:
        """Whether the child's input depends on the parent's output; True if that is unknown."""
        return self.received(parent, child) is not None

    def received(self, parent: Call, child: Call) -> int | None:
        """Return which of the child's input tensors depends on the parent's output.

        Layers are given queries, conditions and masks beside what a layer before them made.

        Returns:
            The position of the first of real or complex numbers that does; None if none does. The
            first one where autograd recorded neither side.
        """
        key = id(parent), id(child)
        if key not in self._received:
            self._received[key] = self._find_received(parent, child)
        return self._received[key]

    def _find_received(self, parent: Call, child: Call) -> int | None:
        if not parent.outputs or not child.inputs:
            return child.main
        for index in self._leading(parent, child):
            if (
                not self._is_cut(parent, child, index)
                or (parent.key, child.key, index) in self._proven
                or moves(self.trace, parent, child, index)
            ):
                return index
        return None

    def _leading(self, parent: Call, child: Call) -> list[int]:
        """Return the child's input tensors that were computed from the parent's output."""
        bit = self._bits[id(parent)]
        given = enumerate(child.given)
        return [index for index, edge in given if edge and self._reach[edge[0]] & bit]

    def _is_cut(self, parent: Call, child: Call, index: int) -> bool:
        """Whether parts of tensors were taken on the way: not all that depends on the parent."""
        edge = child.given[index]
        assert edge is not None
        nodes = self.trace.graph.between(
            edge, set(parent.outputs), self._reach, self._bits[id(parent)]
        )
        return any(CUTTING.match(node.name()) for node in nodes)

    @cached_property
    def _proven(self) -> set[tuple[str, str, int]]:
        """The connections by way of such parts, among consecutive layers, that one pass proves."""
        questions = [
            (parent, child, index)
            for parent, child in pairwise(self.main)
            if parent.outputs and child.inputs
            for index in self._leading(parent, child)
            if self._is_cut(parent, child, index)
        ]
        return sloped(self.trace, questions) if questions else set()

    def is_function(self, read: Sequence[Edge], before: Sequence[Edge]) -> bool:
        """Whether tensors depend on the inputs through others alone, as the pass recorded it.

        Args:
            read: Where the tensors come from.
            before: Where the others come from.

        Returns:
            False also when the graph does not tell: of tensors that autograd did not record.
        """
        known = self.trace.graph.children
        if not read or not before or any(node not in known for node, _ in read):
            return False
        leaves = {id(leaf) for leaf in self.trace.leaves}
        below = self.trace.graph.below(read, stop=before)
        return not any(id(getattr(node, "variable", None)) in leaves for node in below)

    def reaches_output(self, entry: Call) -> bool:
        """Whether the model's output was computed from a call's; False if that is unknown."""
        bit = self._bits[id(entry)]
        return any(self._reach[node] & bit for node, _ in self.trace.outputs)

    def after(self, entry: Call) -> Call | None:
        """Return the next weight layer if it is connected to `entry`, else None."""
        following = next((other for other in self.main if other.start > entry.end), None)
        return following if following and self.connected(entry, following) else None

    def pairs(self, entries: Sequence[Call]) -> list[Pair]:
        """Return the consecutive pairs among some calls."""
        return [Pair(one.key, two.key, self.connected(one, two)) for one, two in pairwise(entries)]

    def is_layer(self, entry: Call) -> bool:
        """Whether the call is one of `main` (a block or an excluded shortcut is not)."""
        return id(entry) in self._place

    def layer(self, entry: Call) -> Layer:
        """Describe one call as a `Layer`."""
        place = self._place.get(id(entry), -1)
        calls = sum(other.name == entry.name for other in self.trace.calls)
        before = self.main[place - 1] if place > 0 else None
        described = Layer(
            name=entry.key,
            kind=type(entry.module).__name__,
            position=place,
            calls=calls,
            input_shape=_sample_shape(entry.input_shape, self.trace.batch),
            output_shape=_sample_shape(entry.output_shape, self.trace.batch),
            n_parameters=sum(p.numel() for p in entry.module.parameters()),
            shortcut=id(entry) in self.parallel,
            connected=before is None or self.connected(before, entry),
        )
        return replace(described, note="; ".join(self._notes(entry, described, before)))

    def select(self, layers: LayerSelection = None) -> list[Call]:
        """Return the calls that a selection means, in execution order.

        Raises:
            ValueError: For names and globs that match nothing, uncalled modules, and positions
                outside the list.
        """
        if layers is None:
            return list(self.main)
        if isinstance(layers, slice):
            return self.main[layers]
        if isinstance(layers, int):
            if not -len(self.main) <= layers < len(self.main):
                raise ValueError(
                    f"No layer at position {layers}: {type(self.trace.root).__name__} has "
                    f"{len(self.main)} weight layers. Positions count from 0, or back from -1."
                )
            return [self.main[layers]]
        if callable(layers):
            return [entry for entry in self.main if layers(self.layer(entry))]
        wanted: list[str] = (
            [layers]
            if isinstance(layers, str)
            else [item.name if isinstance(item, Layer) else item for item in layers]
        )
        chosen = {id(entry): entry for name in wanted for entry in self._named(name)}
        return [entry for entry in self.trace.calls if id(entry) in chosen]

    def find(self, name: str) -> Call:
        """Return the call of exactly this name: a layer, a pass of one, or any called module.

        Raises:
            ValueError: When there is none, with the nearest matches.
        """
        name = str(name)
        for entry in self.trace.calls:
            if name and entry.key == name:
                return entry
        if name in self.trace.modules and name:
            parent = self.trace.nearest_called(name)
            instead = f" The module around it that was called is {parent!r}." if parent else ""
            raise ValueError(
                f"Module {name!r} of {type(self.trace.root).__name__} is never called in the "
                f"forward pass (eval mode), so it has no activations and no place in it.{instead}"
            )
        # Blocks may be named too, but listing them all would bury the layers.
        known = [entry.key for entry in self.main]
        blocks = [e.key for e in self.trace.calls if e.name and any(e.module.children())]
        nearest = get_close_matches(name, [*known, *blocks], n=1, cutoff=0.5)
        if nearest and nearest[0] not in known:
            raise ValueError(unknown("block", name, blocks))
        raise ValueError(unknown("layer", name, known))

    def _named(self, name: str) -> list[Call]:
        if not isinstance(name, str):
            raise TypeError(f"Layer names must be strings, got {name!r}.")
        if any(mark in name for mark in "*?["):
            found = [entry for entry in self.main if fnmatchcase(entry.key, name)]
            if not found:
                raise ValueError(unknown("layer", name, [entry.key for entry in self.main]))
            return found
        return [self.find(name)]

    def _find_shortcuts(self, layers: Iterable[Call]) -> set[int]:
        calls = {self._bits[id(entry)]: entry for entry in layers}
        marks: dict[Node, int] = {}
        for bit, entry in calls.items():
            for node, _ in entry.outputs:
                marks[node] = marks.get(node, 0) | bit
        repeated = 0
        for bit, entry in calls.items():
            repeated |= bit if entry.name + ":2" in self.trace.keys or entry.number > 1 else 0
        inputs = {bit: entry.inputs for bit, entry in calls.items()}
        found = projections(self.trace.graph, marks, inputs, repeated)
        return {id(entry) for bit, entry in calls.items() if bit & found}

    def _notes(self, entry: Call, described: Layer, before: Call | None) -> Iterable[str]:
        if described.calls > 1:
            yield f"pass {entry.number} of {described.calls}"
        if described.shortcut:
            yield "on a residual shortcut"
        if not described.connected and before is not None:
            yield f"does not follow from {before.key}"
        if adopted := self.owners.adopted.get(entry.name):
            yield "uses " + ", ".join(name.removeprefix(entry.name + ".") for name in adopted)
        if entry.output_shape[:1] != (self.trace.batch,):
            yield "first axis is not the batch"


def _sample_shape(shape: tuple[int, ...], batch: int) -> tuple[int, ...]:
    return shape[1:] if shape[:1] == (batch,) else shape
