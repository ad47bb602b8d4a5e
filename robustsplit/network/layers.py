"""The weight layers of any torch model, in the order in which they run.

A weight layer is a called module that owns a parameter with two or more axes and has no such
module inside: the affine part W h + b of the paper's layers. That is `Conv2d` and `Linear`, and
also a model's own matrix multiplication, an LSTM, or a `MultiheadAttention` (whose `out_proj` is
used but never called). Normalisations are not layers; embeddings are on request.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import pairwise
from math import prod
from typing import Any, Literal

import pandas as pd
from torch import nn

from mitools.messages import unknown
from robustsplit.network.models import unwrap
from robustsplit.network.pairs import Pair
from robustsplit.network.trace import Call, Trace, trace

__all__ = [
    "Layer",
    "LayerSelection",
    "Network",
    "Shortcuts",
    "list_layers",
    "unwrap",
    "weight_layers",
]

Shortcuts = Literal["exclude", "include"]

NORMALISATIONS: tuple[type[nn.Module], ...] = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    *((nn.RMSNorm,) if hasattr(nn, "RMSNorm") else ()),
)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


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


def weight_layers(
    model: nn.Module,
    example: Any,
    *,
    shortcuts: Shortcuts = "exclude",
    layers: LayerSelection = None,
    embeddings: bool = False,
) -> list[Layer]:
    """List the weight layers in execution order, found by one forward pass.

    Modules that own weights and were never called are named in a warning.

    Args:
        model: Any torch model; left as it was found.
        example: A batch of inputs (two rows are used), a tuple of arguments, or a dict of
            keywords.
        shortcuts: Whether to list the projections on the shortcuts of residual blocks. They run
            parallel to the layers before them, so "exclude" (ResNet50: 50 layers) is the default;
            "include" (54) counts as the published code of semirobust subnetworks does.
        layers: None for all; names and globs ("features.*"); a position or slice of the full list;
            or a function of `Layer` that returns whether to keep it. An exact name may also be
            that of any other called module, such as a block.
        embeddings: Whether embeddings are layers.

    Returns:
        The layers.

    Raises:
        ValueError: For names that match nothing (with the nearest matches), and for modules that
            the forward pass never called.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> [layer.name for layer in weight_layers(net, torch.zeros(2, 3))]
        ['0', '2']
    """
    network = Network(trace(model, example), shortcuts=shortcuts, embeddings=embeddings)
    if network.uncalled:
        warnings.warn(network.uncalled_text, stacklevel=2)
    return [network.layer(entry) for entry in network.select(layers)]


def list_layers(
    model: nn.Module,
    example: Any,
    *,
    shortcuts: Shortcuts = "exclude",
    layers: LayerSelection = None,
    embeddings: bool = False,
) -> pd.DataFrame:
    """Return the table of weight layers in execution order; the arguments are `weight_layers`'s.

    Returns:
        One row per layer, indexed by position, with columns name, kind, calls, input, output
        (shapes of one sample), dim (values per sample), parameters, connected, note.
    """
    found = weight_layers(
        model, example, shortcuts=shortcuts, layers=layers, embeddings=embeddings
    )
    rows = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "calls": layer.calls,
            "input": " x ".join(map(str, layer.input_shape)),
            "output": " x ".join(map(str, layer.output_shape)),
            "dim": layer.dim,
            "parameters": layer.n_parameters,
            "connected": layer.connected,
            "note": layer.note,
        }
        for layer in found
    ]
    index = pd.Index([layer.position for layer in found], name="position")
    columns = [
        "name",
        "kind",
        "calls",
        "input",
        "output",
        "dim",
        "parameters",
        "connected",
        "note",
    ]
    return LayerTable(rows, index=index, columns=columns)


class LayerTable(pd.DataFrame):
    """A data frame that prints whole: its rows and columns are what one came to see."""

    def __repr__(self) -> str:
        return self.to_string()


class Network:
    """A traced model seen as weight layers: their order, connections, and selections among them.

    Args:
        traced: The forward pass.
        shortcuts: Whether projections on residual shortcuts count as layers.
        embeddings: Whether embeddings do.

    Attributes:
        main: The layers, in execution order.
        uncalled: Names of modules that own weights and play no part in the pass.
    """

    def __init__(
        self, traced: Trace, *, shortcuts: Shortcuts = "exclude", embeddings: bool = False
    ) -> None:
        if shortcuts not in ("exclude", "include"):
            raise ValueError(f"`shortcuts` must be 'exclude' or 'include', got {shortcuts!r}.")
        self.trace = traced
        self.adopted: dict[str, list[str]] = {}
        self.uncalled: list[str] = []
        self._sort_uncalled()
        owners = {name for name in traced.first_calls if self._owns_weights(name)}
        inner = {name for name in owners if not any(_inside(other, name) for other in owners)}
        layers = [
            entry
            for entry in traced.calls
            if entry.name in inner and (embeddings or not isinstance(entry.module, EMBEDDINGS))
        ]
        self._marks: dict[Any, int] = {}
        for bit, entry in enumerate(traced.calls):
            for node, _ in entry.outputs:
                self._marks[node] = self._marks.get(node, 0) | 1 << bit
        self._bits = {id(entry): 1 << bit for bit, entry in enumerate(traced.calls)}
        self._reach = traced.graph.reach(self._marks)
        self.parallel = self._find_shortcuts(layers)
        keep = shortcuts == "include"
        self.main = [entry for entry in layers if keep or id(entry) not in self.parallel]
        self._place = {id(entry): place for place, entry in enumerate(self.main)}

    @property
    def uncalled_text(self) -> str:
        """Name the modules that own weights and were never called, as a sentence."""
        names = self.uncalled
        listed = ", ".join(repr(name) for name in names[:8])
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        return (
            f"{len(names)} module(s) of {type(self.trace.root).__name__} own weights but are "
            f"never called in the forward pass (eval mode), so they are no layers: {listed}{more}."
        )

    def connected(self, parent: Call, child: Call) -> bool:
        """Whether the child's input depends on the parent's output; True if that is unknown."""
        if not parent.outputs or not child.inputs:
            return True
        bit = self._bits[id(parent)]
        return any(self._reach[node] & bit for node, _ in child.inputs)

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

    def _sort_uncalled(self) -> None:
        """Give uncalled modules whose weights are used to the module that uses them."""
        traced = self.trace
        for name, module in traced.modules.items():
            if name in traced.first_calls or _internal(name) or not _weights(module):
                continue
            if isinstance(module, NORMALISATIONS):
                continue
            parent = traced.nearest_called(name)
            if parent and any(id(weight) in traced.used for weight in _weights(module)):
                self.adopted.setdefault(parent, []).append(name)
            else:
                self.uncalled.append(name)

    def _owns_weights(self, name: str) -> bool:
        module = self.trace.modules[name]
        if _internal(name) or isinstance(module, NORMALISATIONS):
            return False
        return bool(_weights(module)) or name in self.adopted

    def _find_shortcuts(self, layers: Iterable[Call]) -> set[int]:
        graph, wanted = self.trace.graph, {id(entry): entry for entry in layers}
        marks = {
            node: self._bits[key] for key, entry in wanted.items() for node, _ in entry.outputs
        }
        bits = graph.shortcuts(marks)
        return {key for key in wanted if self._bits[key] & bits}

    def _notes(self, entry: Call, described: Layer, before: Call | None) -> Iterable[str]:
        if described.calls > 1:
            yield f"pass {entry.number} of {described.calls}"
        if described.shortcut:
            yield "on a residual shortcut"
        if not described.connected and before is not None:
            yield f"does not follow from {before.key}"
        if adopted := self.adopted.get(entry.name):
            yield "uses " + ", ".join(name.removeprefix(entry.name + ".") for name in adopted)
        if entry.output_shape[:1] != (self.trace.batch,):
            yield "first axis is not the batch"


def _weights(module: nn.Module) -> list[nn.Parameter]:
    """Return the module's own parameters with two or more axes, parametrised or not."""
    own = list(module.parameters(recurse=False))
    parametrized = module._modules.get("parametrizations")
    if parametrized is not None:
        own += list(parametrized.parameters())
    return [parameter for parameter in own if parameter.ndim >= 2]


def _internal(name: str) -> bool:
    """Whether a name is one of torch's parametrisation helpers, which run inside their layer."""
    return "parametrizations" in name.split(".")


def _inside(name: str, other: str) -> bool:
    """Whether module `name` lies strictly inside module `other`."""
    return name != other and (other == "" or name.startswith(other + "."))


def _sample_shape(shape: tuple[int, ...], batch: int) -> tuple[int, ...]:
    return shape[1:] if shape[:1] == (batch,) else shape
