"""Which modules own weights, which of them are layers, and what is left over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import Tensor, nn

from robustsplit.network.models import tensors_in
from robustsplit.network.pairs import Node
from robustsplit.network.probes import constant
from robustsplit.network.trace import Call, Trace

__all__ = ["EMBEDDINGS", "Owners", "inside", "listed"]

NORMALISATIONS: tuple[type[nn.Module], ...] = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    *((nn.RMSNorm,) if hasattr(nn, "RMSNorm") else ()),
)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)

#: Parts of names of torch's own helpers, which belong to the layer around them: parametrisations,
#: and the weights of quantised layers.
HELPERS = frozenset(("parametrizations", "_packed_params", "_all_weight_values"))

#: How autograd calls products, and operations that only move or scale the values of one tensor.
PRODUCT = re.compile(r"(Addmm|Mm|Bmm|Baddbmm|Addbmm|Mv|Addmv|Dot|Linear|\w*Conv\w*)Backward")
SAME = re.compile(
    r"(T|View|UnsafeView|ReshapeAlias|Transpose|Permute|Expand|Clone|ToCopy|Alias|Squeeze|"
    r"Unsqueeze|Select|Slice|Split|SplitWithSizes|Unbind|Mul|Div|Neg|Repeat)Backward"
)


class Owners:
    """The modules of a traced model that own weights: parameters with two or more axes.

    Attributes:
        layers: Names of those that were called, see the data, and hold no other such module.
        adopted: For called modules, the uncalled ones inside whose weights they use.
        uncalled: Modules that own weights and play no part in the pass.
        idle: Calls of modules with weights that are given the same for any input, such as a
            network that makes a bias out of fixed coordinates.
        loose: Names of weights that a module multiplies the data by which is no single layer,
            since it holds layers, or several such weights of its own.
    """

    def __init__(self, traced: Trace) -> None:
        self.trace = traced
        self.adopted: dict[str, list[str]] = {}
        self.uncalled: list[str] = []
        self._sort_uncalled()
        owners = {name for name in traced.first_calls if self._owns(name)}
        self.idle = self._find_idle(owners)
        alive = {e.name for e in traced.calls if e.name in owners and e not in self.idle}
        self.layers = {name for name in alive if not any(inside(other, name) for other in alive)}
        self.loose = [
            name for owner in sorted(alive) for name in self._loose(owner, owner in self.layers)
        ]

    @property
    def warnings(self) -> Iterator[str]:
        """Say which modules and weights are not in the list of layers."""
        model = type(self.trace.root).__name__
        if self.uncalled:
            yield (
                f"{len(self.uncalled)} module(s) of {model} own weights but are never called in "
                f"the forward pass (eval mode), so they are no layers: {listed(self.uncalled)}."
            )
        awake = {entry.name for entry in self.trace.calls if entry not in self.idle}
        idle = sorted({entry.name for entry in self.idle} - awake)
        idle = [name for name in idle if not any(inside(other, name) for other in idle)]
        if idle:
            yield (
                f"{len(idle)} module(s) of {model} own weights but are given the same for any "
                f"input of the model, so they are no layers: {listed(idle)}."
            )
        passes = [entry.key for entry in self.idle if entry.name in awake]
        if passes:
            yield (
                f"Some passes of modules of {model} are given the same for any input of the model "
                f"(a first state of zeros, say), so they are no layers: {listed(passes)}."
            )
        if self.loose:
            yield (
                f"{model} multiplies by {len(self.loose)} weight(s) outside of modules of their "
                f"own, so these are not listed as layers: {listed(self.loose)}. Make each a "
                "module, such as nn.Linear, whose input and output can be read."
            )
        if not self.layers:
            yield f"{model} has no weight layers: nothing that it calls owns weights."

    def _sort_uncalled(self) -> None:
        """Give uncalled modules whose weights are used to the module that uses them."""
        traced = self.trace
        for name, module in traced.modules.items():
            if name in traced.first_calls or _internal(name) or not weights(module):
                continue
            if isinstance(module, NORMALISATIONS):
                continue
            if any(id(weight) in traced.used for weight in weights(module).values()):
                self.adopted.setdefault(traced.nearest_called(name), []).append(name)
            else:
                self.uncalled.append(name)

    def _owns(self, name: str) -> bool:
        module = self.trace.modules[name]
        if _internal(name) or isinstance(module, NORMALISATIONS):
            return False
        return bool(weights(module)) or name in self.adopted or _packed(module)

    def _find_idle(self, owners: set[str]) -> list[Call]:
        """Return the calls of owners that are given the same for any input of the model."""
        seeing = self.trace.from_inputs
        suspects = [
            entry
            for entry in self.trace.calls
            if entry.name in owners and not any(node in seeing for node, _ in entry.inputs)
        ]
        return constant(self.trace, suspects)

    def _loose(self, owner: str, is_layer: bool) -> Iterator[str]:
        """Yield the weights of a module that multiply the data but are no layer by themselves."""
        module = self.trace.modules[owner]
        found = [f"{owner}.{name}".lstrip(".") for name in self._multiplying(module)]
        for name in self.adopted.get(owner, ()):
            inner = self._multiplying(self.trace.modules[name])
            found += [f"{name}.{parameter}" for parameter in inner]
        # One call of a module below the root is a layer, whatever it does inside.
        if not is_layer or (owner == "" and len(found) > 1):
            yield from found

    def _multiplying(self, module: nn.Module) -> list[str]:
        """Return the names of a module's weights that are multiplied with what depends on data."""
        return [name for name, weight in weights(module).items() if self._multiplies(weight)]

    def _multiplies(self, weight: Tensor) -> bool:
        graph = self.trace.graph
        todo = [n for n in graph.order if getattr(n, "variable", None) is weight]
        seen = set(todo)
        while todo:
            node = todo.pop()
            for user in graph.users[node]:
                others = [child for child, _ in graph.children[user] if child is not node]
                name, with_data = user.name(), any(self.sees_data(o) for o in others)
                if PRODUCT.match(name) and with_data:
                    return True
                if SAME.match(name) and not with_data and user not in seen:
                    seen.add(user)
                    todo.append(user)
        return False

    def sees_data(self, node: Node) -> bool:
        """Return whether a node of the graph depends on the example.

        Autograd does not follow integers. Where the example holds any, every node may depend on
        them, except parameters.

        Args:
            node: The node.

        Returns:
            Whether it does, or may.
        """
        if len(self.trace.leaves) == len(list(tensors_in(self.trace.example))):
            return node in self.trace.from_inputs
        return not hasattr(node, "variable") or node in self.trace.from_inputs


def weights(module: nn.Module) -> dict[str, Tensor]:
    """Return the module's own weights by name.

    Those are parameters with two or more axes, parametrised or not; and in modules without
    parameters such buffers that are called weights (quantised or fixed ones).
    """
    own: dict[str, Tensor] = dict(module.named_parameters(recurse=False))
    parametrized = module._modules.get("parametrizations")
    if parametrized is not None:
        own |= {f"parametrizations.{name}": p for name, p in parametrized.named_parameters()}
    if not own:
        own = {n: b for n, b in module.named_buffers(recurse=False) if "weight" in n}
    return {name: tensor for name, tensor in own.items() if tensor.ndim >= 2}


def _packed(module: nn.Module) -> bool:
    """Whether a quantised module keeps its weights where only torch's kernels read them."""
    return any(hasattr(module, name) for name in HELPERS - {"parametrizations"})


def _internal(name: str) -> bool:
    return not HELPERS.isdisjoint(name.split("."))


def inside(name: str, other: str) -> bool:
    """Whether module `name` lies strictly inside module `other`."""
    return name != other and (other == "" or name.startswith(other + "."))


def listed(names: list[str]) -> str:
    """Return names in quotes, the first eight of them."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(repr(name) for name in names[:8]) + more
