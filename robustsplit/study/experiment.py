"""The whole study as one object: data, regular and robust training, Algorithm 1 for each cut.

Every finished step is kept in the run directory: each epoch of each training, each trial, each
cut, each profile. A run that was killed goes on from the last of them and ends in the same
numbers.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from robustsplit import data as datasets
from robustsplit.analysis import connectivity, learn_rho
from robustsplit.analysis.inputs import large_enough
from robustsplit.attacks import Attack, attack_from_config
from robustsplit.data import DataSplits
from robustsplit.io import Journal, Store, exclusive, sweep
from robustsplit.loading import build_model, load_weights, normalized
from robustsplit.network import Split
from robustsplit.network.hashing import hash_tensors, kind_of
from robustsplit.normalization import NormalizedModel, normalised_by
from robustsplit.report.files import write_outputs
from robustsplit.report.findings import Findings
from robustsplit.results import Profile, RhoResult
from robustsplit.study.config import AttackConfig, Config, ConfigError, TrainConfig
from robustsplit.study.progress import PAIR_COST, Progress, passes
from robustsplit.study.rundir import RunDirectory
from robustsplit.study.threads import fixed_threads
from robustsplit.training import fit, preprocessing_doubt

__all__ = ["Experiment", "load_data"]


@dataclass(frozen=True)
class Experiment:
    """A study in its run directory.

    ::

        Experiment.create(load("study.toml"), "runs/study").run()
        Experiment.open("runs/study").run()  # after a kill: goes on where it stopped

    Attributes:
        directory: The run directory with its configuration.
    """

    directory: RunDirectory

    @classmethod
    def create(cls, config: Config, folder: str | Path) -> Experiment:
        """Begin a study in a new folder; a folder that holds a run is refused.

        Args:
            config: The study.
            folder: The run directory.

        Returns:
            The experiment; `run` does the work.

        Raises:
            ConfigError: For settings that cannot be used together.
            FileExistsError: When the folder is not free.
            BlockingIOError: When another process works in it.
        """
        check(config)
        return cls(RunDirectory.create(Path(folder), config))

    @classmethod
    def open(cls, folder: str | Path) -> Experiment:
        """Return the study of an existing run directory, to finish it.

        Args:
            folder: The run directory.

        Returns:
            The experiment; `run` does what is left.

        Raises:
            FileNotFoundError: When there is no run directory.
            ConfigError: When its configuration cannot be read.
        """
        return cls(RunDirectory.open(Path(folder)))

    def run(self, *, progress: bool | None = None) -> Findings:
        """Do what is not done yet, write the outputs, and return the findings.

        Args:
            progress: Whether to show the bar; None: on a terminal.

        Returns:
            The findings, as `assessment.json` holds them.

        Raises:
            ConfigError: For settings that cannot be used together.
            ValueError: For data, a network or weights that cannot be used, or that changed since
                the run began.
            FileNotFoundError: When data or weights are missing.
            BlockingIOError: When another process works in the folder.
            DivergedError: When a training loss becomes NaN or infinite.
        """
        threads = self.directory.config.threads
        with (
            self.directory.where_it_began() as directory,
            exclusive(directory.path),
            fixed_threads(threads),
        ):
            sweep(directory.path)
            return _Run(directory, progress).run()


def check(config: Config) -> None:
    """Refuse settings that are possible one by one and not together.

    Args:
        config: The study.

    Raises:
        ConfigError: With the key, and what to write instead.
    """
    if not config.split.last and not config.split.at:
        raise ConfigError(
            "`split`: name at least one cut, such as last = [2] or at = ['fc1'] under [split]."
        )
    if config.algorithm1.epochs < 1:
        raise ConfigError(
            f"`algorithm1.epochs` must be at least 1, got {config.algorithm1.epochs}."
        )
    if config.data.source != "digits" and not config.data.path:
        raise ConfigError(f"`data.path` is needed for data.source = {config.data.source!r}.")
    for where, attack in (("attack", config.attack), ("robust.attack", config.robust.attack)):
        if attack.name:
            try:
                as_attack(attack)
            except (ValueError, TypeError) as error:
                raise ConfigError(f"[{where}]: {error}") from error
    try:
        normalized(nn.Identity(), config.data.mean, config.data.std)
    except ValueError as error:
        raise ConfigError(f"[data]: {error}") from error
    try:
        config.mi.measurement()
    except (ValueError, TypeError) as error:
        raise ConfigError(f"`mi.estimator`: {error}") from error


def as_attack(config: AttackConfig) -> Attack:
    """Return the attack that a configuration names."""
    return attack_from_config({"name": config.name, **config.options})


def load_data(config: Config) -> DataSplits:
    """Return the images of a study, in three parts."""
    source, seed = config.data, config.seed
    if source.source == "digits":
        splits = datasets.digits(seed=seed)
    elif source.source == "npz":
        splits = datasets.splits_from_npz(source.path, seed=seed)
    elif source.source == "folder":
        splits = datasets.splits_from_folder(
            source.path, size=source.size or None, grayscale=source.grayscale, seed=seed
        )
    elif source.source == "imagenette":
        splits = datasets.imagenette(source.path, size=source.size or 224, seed=seed)
    else:
        splits = getattr(datasets, source.source)(source.path, seed=seed)

    def first(part: datasets.ImageData, most: int) -> datasets.ImageData:
        if not most or most >= len(part):
            return part
        # Files of a folder come sorted by class: the first of them all would be one class.
        labels = part.labels.numpy()
        share = np.empty(len(labels))
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            share[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
        return part.take(np.sort(np.argsort(share, kind="stable")[:most]))

    return DataSplits(
        first(splits.train, source.max_train),
        first(splits.validation, source.max_test),
        first(splits.test, source.max_test),
    )


class _Run:
    """One run of a study: what its stages share."""

    def __init__(self, directory: RunDirectory, progress: bool | None) -> None:
        self.directory, self.config = directory, directory.config
        check(self.config)
        self.data = load_data(self.config)
        self.measurement = self.config.mi.measurement()
        most = self.measurement.max_per_class
        measured = self.data.test.at_most(most) if most else self.data.test
        large_enough(measured, self.measurement.estimator_used, self.measurement.small_classes)
        self.attack = as_attack(self.config.attack)
        trained_on = self.config.robust.attack
        self.train_attack = as_attack(trained_on) if trained_on.name else self.attack
        model = self.config.model
        self.untrained = normalized(
            build_model(model.factory, model.arguments, seed=self.config.seed),
            self.config.data.mean,
            self.config.data.std,
        )
        self.environment, self.warnings = directory.record_environment(
            data=fingerprint(self.data), network=fingerprint(self.untrained), **self.weights()
        )
        example = self.data.test.inputs[:2]
        kind = self.measurement.shortcuts
        cuts = [
            Split(self.untrained, example, last=n, shortcuts=kind) for n in self.config.split.last
        ]
        cuts += [
            Split(self.untrained, example, name, shortcuts=kind) for name in self.config.split.at
        ]
        _refuse_equal(cuts)
        self.splits = {f"cut{number}": cut for number, cut in enumerate(cuts, start=1)}
        self.journal = Journal(directory.path / "metrics.jsonl", ("key", "epoch"))
        self.store = Store(directory.path / "checkpoints", self.saved)
        self.stage = ""
        self.progress = Progress(self.costs(), progress)

    def run(self) -> Findings:
        with ExitStack() as stack:
            stack.enter_context(self.progress)
            regular = self.train("regular", copy.deepcopy(self.untrained))
            start = regular if self.config.robust.start == "regular" else self.untrained
            robust = self.train("robust", copy.deepcopy(start))
            networks = {"regular": regular, "robust": robust, "untrained": self.untrained}
            results = tuple(
                self.algorithm1(key, split, regular, robust) for key, split in self.splits.items()
            )
            profiles = {
                name: self.profile(name, networks[name]) for name in self.config.mi.networks
            }
        findings = Findings(
            name=self.config.name,
            results=results,
            profiles=profiles,
            scores={
                name: {"clean": results[0].clean[name], "attacked": results[0].attacked[name]}
                for name in ("regular", "robust")
            },
            config=self.config.to_toml(),
            environment=self.environment,
            attack=self.attack.label,
            data=f"{self.data.name}, {len(self.data.test)} test images{normalised_by(regular)}",
            toy=self.config.data.source == "digits",
            unit=self.config.output.unit,
            warnings=tuple(dict.fromkeys([*self.warnings, *_said(results, profiles)])),
            command=f"robustsplit run {self.directory.path}/config.toml --out NEW_FOLDER",
        )
        output = self.config.output
        write_outputs(findings, self.directory.path, formats=output.formats, x=output.x)
        return findings

    def weights(self) -> dict[str, str]:
        """Return the SHA-256 of the user's weights files under "weights"; empty without any."""
        given = [
            Path(p) for p in (self.config.model.weights, self.config.model.robust_weights) if p
        ]
        for path in given:
            if not path.is_file():
                raise FileNotFoundError(f"No weights file {path}.")
        parts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in given]
        return {"weights": " ".join(parts)} if parts else {}

    def train(self, name: str, model: nn.Module) -> nn.Module:
        """Train the regular or the robust network, or load the user's weights."""
        config: TrainConfig = self.config.train if name == "regular" else self.config.robust
        own = self.config.model
        given = own.weights if name == "regular" else own.robust_weights
        self.begin(f"{name} training")
        if given:
            self.load(name, model, given)
        else:
            fit(
                model,
                self.data.train,
                recipe=config.recipe(),
                attack=None if name == "regular" else self.train_attack,
                validation=self.data.validation,
                seed=self.config.seed,
                store=self.store,
                key=name,
                on_epoch=lambda log: self.progress.step(
                    self.stage,
                    self.progress.costs[self.stage] / config.epochs,
                    f"epoch {log.epoch}",
                ),
            )
        self.progress.done(self.stage)
        return model.eval()

    def load(self, name: str, model: nn.Module, path: str) -> None:
        """Load the user's weights, and keep what a reader must know of them."""
        own, at = self.config.model, "weights" if name == "regular" else "robust_weights"
        key, prefix = getattr(own, f"{at}_key"), getattr(own, f"{at}_prefix")
        said = list(load_weights(model, path, key=key or None, prefix=prefix or None).notes)
        if doubt := preprocessing_doubt(model, self.data.validation):
            said.insert(0, doubt)
        self.warnings += [f"{name} network: {sentence}" for sentence in said]

    def algorithm1(
        self, key: str, split: Split, regular: nn.Module, robust: nn.Module
    ) -> RhoResult:
        """Run Algorithm 1 for one cut."""
        config = self.config.algorithm1

        def work() -> dict[str, Any]:
            result = learn_rho(
                regular,
                robust,
                split,
                self.data,
                attack=self.attack,
                train_attack=self.train_attack,
                recipe=config.recipe(),
                trials=config.trials,
                epochs=config.epochs,
                tolerance=config.tolerance,
                inputs=config.inputs,
                protocol=config.protocol,
                seed=self.config.seed,
                measure=self.measurement,
                store=self.store,
                key=key,
                progress=self.tell,
            )
            return asdict(result)

        stage = f"Algorithm 1, {split.name}"
        return RhoResult.from_dict(self.once(f"results/{key}", stage, work))

    def profile(self, name: str, model: nn.Module) -> Profile:
        """Measure a whole network, on inputs attacked for it as Algorithm 1's are."""
        attack = self.attack if self.config.algorithm1.inputs == "adversarial" else None

        def work() -> dict[str, Any]:
            return asdict(
                connectivity(
                    model,
                    self.data.test,
                    attack=attack,
                    measurement=self.measurement,
                    seed=self.config.seed,
                    progress=self.tell,
                )
            )

        return Profile.from_dict(self.once(f"profiles/{name}", f"profile, {name} network", work))

    def once(self, key: str, stage: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a record from the store, or do the work and keep it."""
        self.begin(stage)
        saved = self.store.load(key)
        record = work() if saved is None else saved["record"]
        if saved is None:
            self.store.save(key, {}, record)
        self.progress.done(stage)
        return record

    def begin(self, stage: str) -> None:
        self.stage = stage
        self.progress.stage(stage)

    def saved(self, key: str, record: Mapping[str, Any]) -> None:
        """Write a finished epoch into the journal."""
        if not key.endswith("/state"):
            return
        last = dict(record["epochs"][-1])
        scored = last.pop("validation", None)
        if scored:
            last["validation_percent"] = 100.0 * scored["correct"] / scored["n"]
            last["attack"] = scored["attack"]
        self.journal.append({"key": key.removesuffix("/state"), **last})

    def tell(self, event: Mapping[str, Any]) -> None:
        """Move the bar as Algorithm 1 or a profile goes on."""
        costs, trials = self.parts, self.config.algorithm1.trials
        kind = event["event"]
        if kind == "epoch":
            note = f"trial {event['trial']}, epoch {event['epoch']}: {event['accuracy']:.0f} %"
            self.progress.step(self.stage, costs["epoch"], note)
        elif kind == "pair":
            self.progress.step(self.stage, costs["pair"], event["child"])
        elif kind == "trial":
            share = event["trial"] / trials
            self.progress.reach(self.stage, share)

    def costs(self) -> dict[str, float]:
        """Return the rough cost of each stage, in forward passes over an image, for the bar."""
        config, data = self.config, self.data
        outer = passes(self.attack)
        epoch = len(data.train) * (passes(self.train_attack) + 3) + len(data.validation) * outer
        pair = len(data.test) * config.mi.n_permutations * PAIR_COST
        evaluation = len(data.test) * outer
        self.parts = {"epoch": epoch, "pair": pair}
        costs: dict[str, float] = {
            "regular training": config.train.epochs * (3 * len(data.train) + len(data.validation)),
            "robust training": config.robust.epochs * epoch,
        }
        for split in self.splits.values():
            costs[f"Algorithm 1, {split.name}"] = config.algorithm1.trials * (
                config.algorithm1.epochs * epoch + 2 * evaluation + len(split.f_b) * pair
            )
        layers = max(len(s.f_a) + len(s.f_b) for s in self.splits.values())
        whole = evaluation + (layers - 1) * pair
        return costs | {f"profile, {name} network": whole for name in config.mi.networks}


def _refuse_equal(cuts: Sequence[Split]) -> None:
    """Raise for two cuts of one name: tables and figures would mix them up."""
    for number, cut in enumerate(cuts):
        for other in cuts[:number]:
            if other.f_b == cut.f_b:
                raise ConfigError(
                    f"`split`: the cuts at {other.at!r} and at {cut.at!r} are the same, the "
                    f"{cut.name}. Name each cut once under `last` or `at`."
                )


def _said(results: Sequence[RhoResult], profiles: Mapping[str, Profile]) -> Iterator[str]:
    """Yield the warnings and notes of results and profiles."""
    for result in results:
        yield from (f"f_b = {result.cut}: {warning}" for warning in result.warnings)
    for name, profile in profiles.items():
        for note in profile.settings.get("notes", ()):
            yield f"{name} network: {note}"


def fingerprint(thing: DataSplits | nn.Module) -> str:
    """Return the SHA-256 of all tensors of a data set or a network."""
    if isinstance(thing, nn.Module):
        tensors = list(thing.state_dict().values())
        if isinstance(thing, NormalizedModel):
            tensors += [thing.mean, thing.std]
    else:
        parts = (thing.train, thing.validation, thing.test)
        tensors = [tensor for part in parts for tensor in (part.inputs, part.labels)]
    return hash_tensors((kind_of(tensor), tensor) for tensor in tensors).hexdigest()
