"""Weights into a network: what torch accepts is accepted, and where two sets fit, it is asked.

Tools save the same weights under other keys ("state_dict", "model", "ema") and with other
prefixes ("model.", "module."). None of these is taken on faith: every set of tensors in the file
is tried, under every prefix that it has, and what `load_state_dict` accepts as complete is loaded.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mitools.samples.messages import unknown
from robustsplit.loading.checkpoints import TensorSet, read_checkpoint
from robustsplit.network import unwrap

__all__ = ["LoadedWeights", "load_weights"]

#: Parts of a name that wrappers put in, in the order in which they are left out.
WRAPPERS: tuple[frozenset[str], ...] = (
    frozenset(),
    frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}),
    frozenset(
        {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
        | {"module", "_forward_module"}
    ),
)
#: A set that has fewer of the network's tensors is not tried.
WORTH_TRYING = 0.5
#: How many sets or names a message lists.
MAX_LISTED = 6
COUNTER = "num_batches_tracked"
MEAN = re.compile(r"(?:^|[._])(?:mean|mu)$")
DEVIATION = re.compile(r"(?:^|[._])(?:std|sigma)$")


@dataclass(frozen=True)
class LoadedWeights:
    """What was loaded from a file.

    Attributes:
        path: The file.
        key: Where in the file the weights stood; "" for the file itself.
        prefix: What was taken off the front of every name.
        left_out: Names of tensors beside them that are not the network's.
        notes: Sentences that a reader of the results must see.
    """

    path: Path
    key: str = ""
    prefix: str = ""
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _State(dict[str, Any]):
    """Tensors by the names that they have in the network.

    Attributes:
        _metadata: Versions by module name, where torch looks for them.
    """

    _metadata: Mapping[str, Any]


@dataclass(frozen=True)
class _Candidate:
    """One set of the file under one prefix, with the names that it would have in the network."""

    source: TensorSet
    prefix: str
    state: _State
    share: float

    def __str__(self) -> str:
        where = [f"--key {_shown(self.source.key)}"] if self.source.key else []
        where += [f"--prefix {_shown(self.prefix)}"] if self.prefix else []
        return f"{' '.join(where) or 'neither key nor prefix'} ({len(self.state)} tensors)"


def load_weights(
    model: nn.Module, path: str | Path, *, key: str | None = None, prefix: str | None = None
) -> LoadedWeights:
    """Load weights into `model`; every tensor of it must be in the file.

    Checkpoints of Lightning, timm, Hugging Face, DeepSpeed, MadryLab and others are understood
    wherever they keep the weights, with the prefixes of wrappers (DataParallel, `torch.compile`,
    `AveragedModel`). A state that `model.load_state_dict` accepts is accepted; besides, states
    without batch normalisation's counters, without the copies of tied tensors, and of the other
    kind of weight normalisation.

    Args:
        model: Changed in place; left as it was when an error is raised.
        path: A ``.safetensors`` file, a ``.pt``, ``.ckpt``, ... that holds tensors and plain
            values only, or the ``.index.json`` of a checkpoint in several files.
        key: Where in the file the weights are, such as "state_dict_ema" or "model.ema"; needed
            where more than one set fits.
        prefix: What to take off the front of the names, such as "model."; likewise. "" says that
            the names are the network's.

    Returns:
        What was loaded.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: For a file that would run code on loading; for missing, unexpected or
            misshapen tensors; when several sets that differ fit; for an unknown key or prefix.
    """
    path = Path(path)
    target = unwrap(model)
    sets = _with_key(read_checkpoint(path), key, path)
    own = target.state_dict()
    candidates = _candidates(own, sets, prefix)
    if not candidates:
        prefixes = sorted({p for one in sets for p in _prefixes(one.tensors) if p})
        raise ValueError(f"{path}: " + unknown("prefix", prefix or "", prefixes))
    backup = {name: _clone(value) for name, value in own.items()}
    fitting: list[_Candidate] = []
    problems: dict[int, str] = {}
    try:
        for one in candidates:
            if one.share >= WORTH_TRYING and not _known(one, fitting):
                said = _try(target, own, one.state)
                problems[id(one)] = said
                if not said:
                    fitting.append(one)
                _restore(target, backup)
        if not fitting:
            said = _why_not(path, own, candidates[0], problems, sets)
            if hasattr(model, "from_pretrained"):
                said += " Hugging Face renames on loading: let the factory call from_pretrained."
            raise ValueError(said)
        if len(fitting) > 1:
            raise ValueError(
                f"{path} holds {len(fitting)} sets of weights that fit this network and differ: "
                f"{'; '.join(map(str, fitting[:MAX_LISTED]))}. Say which (in Python: key=..., "
                "prefix=...)."
            )
        (chosen,) = fitting
        _try(target, own, chosen.state)
    except BaseException:
        _restore(target, backup)
        raise
    left_out = _left_out(chosen, candidates)
    notes = tuple(_notes(path, chosen, left_out))
    return LoadedWeights(path, chosen.source.key, chosen.prefix, left_out, notes)


def _shown(name: str) -> str:
    """Return a name as it can be written on a command line, and never as it acts on a terminal."""
    return shlex.quote(name) if name.isprintable() else ascii(name)


def _with_key(sets: list[TensorSet], key: str | None, path: Path) -> list[TensorSet]:
    if not key:
        return sets
    chosen = [one for one in sets if one.key == key]
    chosen = chosen or [one for one in sets if one.key.startswith(f"{key}.")]
    if not chosen:
        raise ValueError(f"{path}: " + unknown("key", key, [one.key for one in sets if one.key]))
    return chosen


def _candidates(
    own: Mapping[str, Any], sets: list[TensorSet], prefix: str | None
) -> list[_Candidate]:
    """Return every set under every prefix, those with most of the network's tensors first."""
    found = []
    wanted = {_stem(name) for name in own if not name.endswith(COUNTER)}
    shared = _shared_prefixes(own)
    for source in sets:
        for one in _prefixes(source.tensors) if prefix is None else _given(source, prefix):
            stripped = {
                name.removeprefix(one): value
                for name, value in source.tensors.items()
                if name.startswith(one)
            }
            best = None
            for added in shared if prefix is None and not one else ("",):
                for parts in WRAPPERS:
                    state = _renamed(stripped, own, parts, added)
                    if state is None:
                        continue
                    share = len(wanted & {_stem(name) for name in state}) / max(1, len(wanted))
                    if best is None or share > best.share:
                        _complete(state, own, source, one, parts)
                        best = _Candidate(source, one, state, share)
            if best is not None:
                found.append(best)
    return sorted(found, key=lambda one: (-one.share, len(one.prefix), -len(one.state)))


def _prefixes(names: Mapping[str, Any]) -> list[str]:
    """Return "" and every dotted beginning of a name."""
    found = {""}
    for name in names:
        parts = name.split(".")
        found |= {".".join(parts[:end]) + "." for end in range(1, len(parts))}
    return sorted(found)


def _given(source: TensorSet, prefix: str) -> list[str]:
    whole = prefix if not prefix or prefix.endswith(".") else f"{prefix}."
    return [whole] if any(name.startswith(whole) for name in source.tensors) else []


def _shared_prefixes(own: Mapping[str, Any]) -> list[str]:
    """Return the dotted beginnings that all of the network's own names have, and ""."""
    names = list(own)
    return [p for p in _prefixes(own) if all(name.startswith(p) for name in names)]


def _renamed(
    tensors: Mapping[str, Any], own: Mapping[str, Any], parts: frozenset[str], added: str
) -> _State | None:
    """Return the tensors under the network's names, wrappers' parts aside; None if two collide."""
    places = {_without(name, parts): name for name in own}
    state = _State(
        (places.get(plain, plain), value)
        for plain, value in ((_without(added + name, parts), v) for name, v in tensors.items())
    )
    return state if len(state) == len(tensors) and len(places) == len(own) else None


def _without(name: str, parts: frozenset[str]) -> str:
    return ".".join(part for part in name.split(".") if part not in parts) if parts else name


def _stem(name: str) -> str:
    """Return the name without what weight normalisation makes of it, in either kind."""
    name = re.sub(r"parametrizations\.(\w+)\.original[01]$", r"\1", name)
    return re.sub(r"_[gv]$", "", name)


def _complete(
    state: _State,
    own: Mapping[str, Any],
    source: TensorSet,
    prefix: str,
    parts: frozenset[str],
) -> None:
    """Add what can be told from the rest: copies of tied tensors, counters, renamed pairs."""
    for dropped, kept in source.aliases.items():
        name, other = dropped.removeprefix(prefix), kept.removeprefix(prefix)
        if other in state:
            state.setdefault(name, state[other])
    places: dict[tuple[Any, ...], str] = {}
    for name in own:
        if name in state and isinstance(own[name], Tensor):
            places.setdefault(_memory(own[name]), name)
    for name in [name for name in own if name not in state]:
        twin = places.get(_memory(own[name])) if isinstance(own[name], Tensor) else None
        if twin is not None:
            state[name] = state[twin]
        elif name.endswith(COUNTER) and name.replace(COUNTER, "running_mean") in state:
            state[name] = own[name].detach().clone()  # torch < 0.4.1 did not count
        elif match := re.fullmatch(r"(.*?)(\w+)_([gv])", name):
            before, which = f"{match[1]}parametrizations.{match[2]}", "gv".index(match[3])
            if f"{before}.original{which}" in state:
                state[name] = state.pop(f"{before}.original{which}")
    metadata = {
        _without(name.removeprefix(prefix[:-1]).removeprefix("."), parts): versions
        for name, versions in source.metadata.items()
        if f"{name}.".startswith(prefix)
    }
    if metadata:
        state._metadata = metadata


def _memory(value: Tensor) -> tuple[Any, ...]:
    """Return what is equal for two names of one tensor, and for nothing else."""
    if nn.parameter.is_lazy(value) or value.numel() == 0 or value.device.type == "meta":
        return (id(value),)
    shape, stride = tuple(value.shape), value.stride()
    return value.device, value.data_ptr(), shape, stride, value.dtype


def _try(model: nn.Module, own: Mapping[str, Any], state: _State) -> str:
    """Load a state; return what is wrong with it, or ""."""
    for name, value in state.items():
        if isinstance(value, Tensor) and isinstance(own.get(name), Tensor):
            if own[name].is_floating_point() and not value.is_floating_point():
                return (
                    f"{name!r} holds {value.dtype}, the network's is {own[name].dtype}: quantised "
                    "or complex numbers are no weights of it. Convert them with the tool that "
                    "made the file."
                )
    try:
        model.load_state_dict(state, strict=True)
    except (RuntimeError, KeyError, AttributeError, TypeError, ValueError, IndexError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        return lines[1 if len(lines) > 1 else 0].strip()  # torch: a heading, then a line each
    return ""


def _known(candidate: _Candidate, fitting: list[_Candidate]) -> bool:
    """Whether an equal set was found to fit already."""
    return any(_equal(candidate.state, other.state) for other in fitting)


def _equal(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two states are the same weights; counters of batches do not matter."""
    return one.keys() == other.keys() and all(
        value is other[name]
        or name.endswith(COUNTER)
        or (
            isinstance(value, Tensor)
            and isinstance(other[name], Tensor)
            and value.dtype == other[name].dtype
            and torch.equal(value, other[name])
        )
        for name, value in one.items()
    )


def _clone(value: Any) -> Any:
    plain = isinstance(value, Tensor) and not nn.parameter.is_lazy(value)
    return value.detach().clone() if plain else None


def _restore(model: nn.Module, backup: Mapping[str, Any]) -> None:
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if isinstance(value, Tensor) and backup.get(name) is not None:
                value.copy_(backup[name])


def _why_not(
    path: Path,
    own: Mapping[str, Any],
    best: _Candidate,
    problems: Mapping[int, str],
    sets: list[TensorSet],
) -> str:
    """Say how the set that is nearest differs from the network, and what else the file holds."""
    state = best.state
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    found = "; ".join(map(str, sets[:MAX_LISTED]))
    found += f"; and {len(sets) - MAX_LISTED} more" if len(sets) > MAX_LISTED else ""
    where = f" (read at {best})" if best.source.key or best.prefix else ""
    if missing or unexpected:
        example = (
            unknown("tensor of the model", unexpected[0], missing or list(own))
            if unexpected
            else unknown("tensor of the file", missing[0], list(state))
        )
        return (
            f"The weights in {path} are not this model's: {len(missing)} of its {len(own)} "
            f"tensors are missing and {len(unexpected)} are unexpected{where}. {example} Found in "
            f"the file: {found}."
        )
    for name, value in own.items():
        theirs = state[name]
        if not nn.parameter.is_lazy(value) and value.shape != theirs.shape:
            return (
                f"{name!r} has shape {tuple(theirs.shape)} in {path} and {tuple(value.shape)} in "
                "the model. Check the factory's arguments, such as the number of classes."
            )
    return f"The weights in {path} do not fit{where}: {problems.get(id(best), 'no reason given')}"


def _left_out(chosen: _Candidate, candidates: list[_Candidate]) -> tuple[str, ...]:
    """Return the names beside the chosen ones, without exact copies and counters."""
    copies = [
        one.prefix
        for one in candidates
        if one.source is chosen.source and _equal(one.state, chosen.state)
    ]
    return tuple(
        name
        for name, value in chosen.source.tensors.items()
        if isinstance(value, Tensor)
        and not any(name.startswith(prefix) for prefix in copies)
        and (value.ndim or value.is_floating_point())
    )


def _notes(path: Path, chosen: _Candidate, left_out: tuple[str, ...]) -> Iterator[str]:
    if not left_out:
        return
    listed = ", ".join(map(repr, left_out[:MAX_LISTED]))
    more = f" and {len(left_out) - MAX_LISTED} more" if len(left_out) > MAX_LISTED else ""
    yield (
        f"{path.name}: {len(left_out)} tensors beside the network's were left out: {listed}{more}."
    )
    tensors = chosen.source.tensors
    mean, std = (
        next((n for n in left_out if kind.search(n) and tensors[n].numel() in (1, 3)), None)
        for kind in (MEAN, DEVIATION)
    )
    if mean is not None and std is not None:
        options = " ".join(
            f"--{option} " + ",".join(f"{number:.6g}" for number in tensors[name].flatten())
            for option, name in (("mean", mean), ("std", std))
        )
        yield (
            f"{path.name} holds a normalisation, {mean!r} and {std!r}, that is no part of this "
            f"network: unless the network normalises by itself, measure with {options}."
        )
