"""Estimators by text."""

import pytest

import mitools
from mitools import CCA, EDGE, KSG, PCA, Pooling, RandomProjection, Reduced, parse_estimator
from mitools.estimators.registry import ESTIMATORS

KNOWN = {
    "ksg": KSG(),
    " KSG ": KSG(),
    "ksg:k=5": KSG(k=5),
    "ksg:k=5, variant=2": KSG(k=5, variant=2),
    "ksg:metric=max": KSG(metric="max"),
    "ksg:standardize=false": KSG(standardize=False),
    "edge": EDGE(),
    "edge:seed=3": EDGE(seed=3),
    "edge:semirobust": EDGE.semirobust(),
    "edge:released": EDGE.released(),
    "edge:released=4.3.1": EDGE.released("4.3.1"),
    "ksg+pca:4": Reduced(KSG(), PCA(4)),
    "ksg:k=3+pca:4": Reduced(KSG(k=3), PCA(4)),
    "edge:semirobust+pca:2": Reduced(EDGE.semirobust(), PCA(2)),
    "edge+random:6,seed=1": Reduced(EDGE(), RandomProjection(6, seed=1)),
    "ksg+cca:2": Reduced(KSG(), CCA(2)),
    "edge:seed=1+cca:1,seed=3": Reduced(EDGE(seed=1), CCA(1, seed=3)),
    "ksg+pool:16": Reduced(KSG(), Pooling(16)),
    "ksg+pool:64x1x1,shape=64x8x8": Reduced(KSG(), Pooling((64, 1, 1), shape=(64, 8, 8))),
    "edge+random:n_components=6": Reduced(EDGE(), RandomProjection(6)),
    "auto": mitools.Auto(),
    "auto:seed=3": mitools.Auto(seed=3),
    "canonical:leading=2": mitools.Canonical(leading=2),
    "copula": mitools.GaussianCopula(),
    "gaussian": mitools.Gaussian(),
    "geometric:n_splits=1": mitools.Geometric(n_splits=1),
    "labels:method=ross": mitools.Labels(method="ross"),
    "mixed:k=3+pca:2": Reduced(mitools.Mixed(k=3), PCA(2)),
    "noisy:sigma=0.2,bound=upper": mitools.NoisyBounds(sigma=0.2, bound="upper"),
    "plugin:correction=miller_madow": mitools.PlugIn(correction="miller_madow"),
    "sliced:n_slices=20,base=edge": mitools.Sliced(n_slices=20, base=EDGE()),
}


@pytest.mark.parametrize("text", KNOWN)
def test_text_becomes_the_estimator(text):
    assert parse_estimator(text) == KNOWN[text]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "kgs",
            r"No estimator named 'kgs'\. Did you mean 'ksg'\?.* Known estimators: auto, canonical",
        ),
        ("", "No estimator named ''. Known estimators"),
        ("ksg:kk=3", "No setting of ksg named 'kk'. Did you mean 'k'.* Known settings of ksg: k,"),
        ("ksg:k", "The setting 'k' of ksg needs a value"),
        ("ksg:k=0", "'ksg:k=0' is not a usable setting: `k` must be a whole number"),
        ("ksg:k=many", "`k` must be a whole number of neighbours, at least 1, got 'many'"),
        ("edge:semirobus", "No setting of edge named 'semirobus'. Did you mean 'semirobust'"),
        ("edge:released=9", "is not a usable setting"),
        ("edge:semirobust,seed=1", "the preset 'semirobust' fixes every setting"),
        ("edge:semirobust=3", "is not a usable setting"),
        ("ksg+pcb:4", "No reduction named 'pcb'. Did you mean 'pca'"),
        ("ksg+pca", "must say how many components to keep, such as 'pca:4'"),
        ("ksg+cca", "must say how many components to keep, such as 'cca:4'"),
        ("ksg+pool:2x2", "'pool:2x2' is not a usable setting: `n_components` must be a whole"),
        ("ksg+pca:2x2", "'pca:2x2' is not a usable setting: `n_components` must be a whole"),
        ("ksg+pca:0", "`n_components` must be a whole number of at least 1"),
        ("ksg+random:3,sed=1", "No setting of random named 'sed'. Did you mean 'seed'"),
    ],
)
def test_mistakes_name_the_nearest(text, message):
    with pytest.raises(ValueError, match=message):
        parse_estimator(text)


def test_every_estimator_has_a_text_and_a_repr_that_makes_it_again():
    classes = {name for name in mitools.estimators.__all__ if name[0].isupper()}
    kind = mitools.MutualInformationEstimator
    estimators = {name for name in classes if issubclass(getattr(mitools, name), kind)}
    assert set(ESTIMATORS.values()) == estimators - {"ConditionalKSG"}  # needs its Z
    assert classes - estimators == {"Training"}
    assert {"ksg", "edge", "copula", "noisy", "plugin", "infonce"} < set(ESTIMATORS)
    for estimator in KNOWN.values():
        text = repr(estimator)
        if "EDGE." not in text:
            assert (
                eval(text, vars(mitools) | {n: getattr(mitools, n) for n in classes}) == estimator
            )
    assert repr(mitools.Sliced()) == "Sliced()"
    assert repr(mitools.Labels(k=5, method="ross")) == "Labels(k=5, method='ross')"


@pytest.mark.parametrize(
    "text",
    ["mixed:k=2.5", "labels:k=2.5", "canonical:leading=1.5", "auto:k=4.0", "edge:members=2.5"],
)
def test_counts_are_whole_numbers(text):
    with pytest.raises(ValueError, match="must be a whole number, got"):
        parse_estimator(text)
