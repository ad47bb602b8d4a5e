"""To which side of a cut every parameter, buffer and module belongs, and what crosses it.

f_a is what runs before the cut and f_b what runs from it on. Every parameter and buffer belongs to
exactly one side:

- of a module that returned before the cut: f_a (a batch norm between two layers is on the side on
  which it runs);
- of a module that is first called at the cut or later: f_b;
- of a module that is under way at the cut (the model itself, the block around the cut) and owns
  tensors of its own: f_a for parameters on which the cut's input depends (autograd tells) and for
  buffers, f_b for the other parameters;
- of a module that is never called: the side of the module around it; where that is under way at
  the cut, f_a if the cut's input depends on the module's parameters, else f_b (an auxiliary head);
- a parameter that both sides use under different names (tied weights): f_a.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from robustsplit.network.layers import Network
from robustsplit.network.models import canonical
from robustsplit.network.trace import Call

__all__ = ["Sides", "named_tensors"]

NOISE = (nn.modules.dropout._DropoutNd, nn.RReLU)


class Sides:
    """To which side of the cut every tensor and module belongs, and what does not fit."""

    def __init__(self, network: Network, entry: Call) -> None:
        self.network, self.trace, self.entry = network, network.trace, entry
        graph = self.trace.graph
        self.before = graph.below(entry.inputs)
        needed = {id(node.variable) for node in self.before if hasattr(node, "variable")}
        # A parameter may have several names, a name only one side.
        owners: dict[int, list[str]] = {}
        sides: dict[str, bool] = {}
        for name, tensor in named_tensors(self.trace.root):
            module = name.rpartition(".")[0]
            owner = self.trace.nearest_called(module)
            side = self.module_side(owner)
            if side is None and owner == module:
                side = id(tensor) in needed or not isinstance(tensor, nn.Parameter)
            elif side is None:  # never called here: an auxiliary head, or weights used by name
                side = any(id(p) in needed for p in self.trace.modules[module].parameters())
            sides[name] = side
            owners.setdefault(id(tensor), []).append(name)
        self.shared = [names for names in owners.values() if len({sides[n] for n in names}) > 1]
        for names in self.shared:
            sides.update(dict.fromkeys(names, True))
        self.f_a_tensors = tuple(name for name, side in sides.items() if side)
        self.f_b_tensors = tuple(name for name, side in sides.items() if not side)
        self.f_a_modules = tuple(
            name
            for name in self.trace.modules
            if name and self.module_side(self.trace.nearest_called(name))
        )

    def module_side(self, name: str) -> bool | None:
        """Whether a called module belongs to f_a; None when it is under way at the cut."""
        first = self.trace.first_calls[name]
        if first.start >= self.entry.start:
            return False
        return True if first.end < self.entry.start else None

    def bypassed(self, entry: Call) -> bool:
        """Whether the output depends on anything before the call other than through its input."""
        graph = self.trace.graph
        before = graph.below(entry.inputs)
        after = graph.below(self.trace.outputs, stop=entry.inputs)
        # Parameters used on both sides are no path for the input: they are reported apart.
        parameters = {id(parameter) for parameter in self.trace.root.parameters()}
        return any(
            id(getattr(node, "variable", None)) not in parameters for node in after & before
        )

    def warnings(self, clean: bool) -> Iterator[str]:
        """Yield what a reader must know, the gravest first."""
        if not clean:
            yield self._bypass_text()
        for names in self.shared:
            yield (
                f"The parameter {' = '.join(names)} is used on both sides of the cut; it counts "
                "as f_a's and stays frozen, so f_b cannot be trained or reset as a whole."
            )
        both = sorted(
            {
                c.name
                for c in self.trace.calls
                if c.start >= self.entry.start
                and self.module_side(c.name)
                and next(c.module.parameters(), None) is not None
            }
        )
        if both:
            yield (
                f"{_named(both)} of f_a run again after the cut; their parameters count as f_a's "
                "and stay frozen."
            )
        yield from self.network.warnings

    def _bypass_text(self) -> str:
        text = (
            f"The cut at {self.entry.key!r} is inside a residual block or parallel branches: the "
            "output also depends on f_a by a path around the cut, so f_b is no function of one "
            "layer."
        )
        parts = self.entry.name.split(".")
        for n in range(len(parts) - 1, 0, -1):
            first = self.trace.first_calls.get(".".join(parts[:n]))
            if first is not None and not self.bypassed(first):
                return f"{text} A cut at {first.key!r} is clean."
        return text

    def notes(self) -> Iterator[str]:
        """Say what of f_a train mode would move, and `frozen()` keeps still."""
        modules = [(name, self.trace.modules[name]) for name in self.f_a_modules]
        norms = [
            name
            for name, module in modules
            if isinstance(module, nn.modules.batchnorm._NormBase)
            and module.running_mean is not None
        ]
        if norms:
            yield (
                f"f_a has {_count(norms, 'normalisation layer')} with running statistics; "
                "`frozen()` keeps them in eval mode, where they use the stored ones."
            )
        noisy = [name for name, module in modules if isinstance(module, NOISE) and _active(module)]
        if noisy:
            yield f"f_a has {_count(noisy, 'dropout layer')}, kept off by `frozen()`."
        spectral = [name for name, module in modules if _spectral(module)]
        if spectral:
            yield (
                f"f_a has spectral normalisation ({_named(spectral)}), which iterates in train "
                "mode; `frozen()` keeps it still."
            )


def named_tensors(root: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield parameters and buffers under every canonical name that they have."""
    for name, parameter in root.named_parameters(remove_duplicate=False):
        yield canonical(name), parameter
    for name, buffer in root.named_buffers(remove_duplicate=False):
        yield canonical(name), buffer


def _active(module: nn.Module) -> bool:
    return getattr(module, "p", 1.0) > 0


def _spectral(module: nn.Module) -> bool:
    return type(module).__name__ == "_SpectralNorm" or hasattr(module, "weight_orig")


def _count(names: list[str], noun: str) -> str:
    return f"{len(names)} {noun}{'s' * (len(names) > 1)}"


def _named(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(repr(name) for name in names[:8]) + more
