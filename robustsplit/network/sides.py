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
from torch.nn.utils.spectral_norm import SpectralNorm

from robustsplit.network.layers import Network
from robustsplit.network.models import canonical
from robustsplit.network.owners import listed
from robustsplit.network.probes import batch_statistics
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
        self.written = [name for name in self.trace.written if sides.get(name)]
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

    def warnings(self) -> Iterator[str]:
        """Yield what a reader must know of the tensors on both sides."""
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
                f"{listed(both)} of f_a run again after the cut; their parameters count as f_a's "
                "and stay frozen."
            )
        if mixing := batch_statistics(self.trace):
            yield mixing
        yield from self.network.warnings

    def around(self) -> Iterator[Call]:
        """Yield the first calls of the modules around the cut, the innermost first."""
        parts = self.entry.name.split(".")
        for n in range(len(parts) - 1, 0, -1):
            first = self.trace.first_calls.get(".".join(parts[:n]))
            if first is not None:
                yield first

    def notes(self) -> Iterator[str]:
        """Yield what train mode would change in f_a, and the buffers that every pass changes."""
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
        if self.written:
            yield (
                f"f_a writes to {_count(self.written, 'buffer')} in every pass, even in eval mode "
                f"({listed(self.written)}); `frozen()` leaves these to it."
            )
        spectral = [name for name, module in modules if _spectral(module)]
        if spectral:
            yield (
                f"f_a has spectral normalisation ({listed(spectral)}), which iterates in train "
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
    old = any(isinstance(hook, SpectralNorm) for hook in module._forward_pre_hooks.values())
    return old or type(module).__name__ == "_SpectralNorm"


def _count(names: list[str], noun: str) -> str:
    return f"{len(names)} {noun}{'s' * (len(names) > 1)}"
