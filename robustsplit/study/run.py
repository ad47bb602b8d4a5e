"""One run of a study, stage by stage: what is kept is loaded, what is not is done and kept."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from torch import nn

from robustsplit.analysis import connectivity, learn_rho
from robustsplit.analysis.inputs import large_enough
from robustsplit.io import Journal, Store
from robustsplit.loading import build_model, load_weights, normalized
from robustsplit.network import Split
from robustsplit.normalization import normalised_by
from robustsplit.report.files import write_outputs
from robustsplit.report.findings import Findings
from robustsplit.results import Profile, RhoResult
from robustsplit.study.checks import check, refuse_equal
from robustsplit.study.inputs import as_attack, fingerprint, load_data, weights_fingerprint
from robustsplit.study.kept import Kept
from robustsplit.study.progress import PAIR_COST, Progress, passes
from robustsplit.study.rundir import RunDirectory
from robustsplit.study.sections import TrainConfig
from robustsplit.training import fit, preprocessing_doubt

__all__ = ["Run"]


class Run:
    """One run of a study: what its stages share.

    Args:
        directory: The run directory, held by this process alone.
        progress: Whether to show progress; None: on a terminal.
    """

    def __init__(self, directory: RunDirectory, progress: bool | None) -> None:
        self.directory, self.config = directory, directory.config
        check(self.config)
        self.store = Store(directory.path / "checkpoints", self.saved)
        self.kept = Kept(self.store, self.config, directory.path)
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
        fixed = {
            "data": fingerprint(self.data),
            "network": fingerprint(self.untrained),
            **weights_fingerprint(self.config),
        }
        self.kept.fix(fixed)
        self.environment, self.warnings = directory.record_environment(**fixed)
        example = self.data.test.inputs[:2]
        kind = self.measurement.shortcuts
        cuts = [
            Split(self.untrained, example, last=n, shortcuts=kind) for n in self.config.split.last
        ]
        cuts += [
            Split(self.untrained, example, name, shortcuts=kind) for name in self.config.split.at
        ]
        refuse_equal(cuts)
        self.splits = {f"cut{number}": cut for number, cut in enumerate(cuts, start=1)}
        self.journal = Journal(directory.path / "metrics.jsonl", ("key", "epoch"))
        self.kept.begin()
        self.stage = ""
        self.progress = Progress(self.costs(), progress)

    def run(self) -> Findings:
        """Do what is left, write the outputs, and return the findings."""
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
        self.directory.refuse_lost()
        write_outputs(findings, self.directory.path, formats=output.formats, x=output.x)
        return findings

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
        record = self.kept.once(key, work)
        self.progress.done(stage)
        return record

    def begin(self, stage: str) -> None:
        """Say that a stage begins."""
        self.stage = stage
        self.progress.stage(stage)

    def saved(self, key: str, record: Mapping[str, Any]) -> None:
        """Write a finished epoch into the journal, if the folder is still there."""
        self.directory.refuse_lost()
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


def _said(results: Sequence[RhoResult], profiles: Mapping[str, Profile]) -> Iterator[str]:
    """Yield the warnings and notes of results and profiles."""
    for result in results:
        yield from (f"f_b = {result.cut}: {warning}" for warning in result.warnings)
    for name, profile in profiles.items():
        for note in profile.settings.get("notes", ()):
            yield f"{name} network: {note}"
