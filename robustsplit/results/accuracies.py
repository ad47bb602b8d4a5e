r"""How many images a network classifies correctly, and how two networks differ on the same images.

Two networks that answer the same images are compared by the images on which they differ. Of b
images that only the first gets right and c that only the second does, either is as likely as the
other when the networks are equally accurate. McNemar's exact test ("Note on the sampling error of
the difference between correlated proportions or percentages", Psychometrika 12, 1947) is the
binomial test of b among b + c. Two intervals that overlap say nothing of this kind: they leave out
that the images are the same.

The interval of the difference inverts the score test (Tango, "Equivalence test and confidence
interval for the difference in proportions for the paired-sample design", Statistics in Medicine
17, 1998): it holds the differences :math:`\Delta` with

.. math:: |b - c - n \Delta| \le 1.96 \sqrt{n (2 q + \Delta (1 - \Delta))},

where q is the most likely probability of the second kind of image given :math:`\Delta`. Close to
the limit the exact test is the more careful of the two; where they disagree, what is claimed
follows the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

__all__ = ["AccuracyRecord", "PairedDifference"]

#: Networks are said to differ from this p value of McNemar's test on.
LEVEL = 0.05
CONFIDENCE = 0.95
#: A step away from a difference at which its interval cannot end.
NEAR = 1e-12


@dataclass(frozen=True)
class AccuracyRecord:
    """How many of `n` inputs were classified correctly, and under which attack.

    Attributes:
        correct: How many.
        n: Of how many.
        attack: The attack's settings; "clean" for none.
        by_class: Per class name, (correct, n).
        right: Which of them, in the order of the data: a bit for each, the first one highest, in
            hexadecimal digits. "" where this was not kept.
        labels: A hash of their labels in order, which two records of the same images share.
    """

    correct: int
    n: int
    attack: str = "clean"
    by_class: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    right: str = field(default="", repr=False)
    labels: str = field(default="", repr=False)

    @classmethod
    def of_answers(
        cls,
        right: NDArray[np.bool_],
        *,
        attack: str = "clean",
        by_class: Mapping[str, tuple[int, int]] | None = None,
        labels: str = "",
    ) -> AccuracyRecord:
        """Return the record of which images were classified correctly.

        Args:
            right: Whether each one was, with shape (n,), in the order of the data.
            attack: The attack's settings.
            by_class: Per class name, (correct, n).
            labels: A hash of the labels in order.

        Returns:
            The record.
        """
        right = np.asarray(right, dtype=bool)
        bits = np.packbits(right).tobytes().hex()
        return cls(int(right.sum()), len(right), attack, by_class or {}, bits, labels)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> AccuracyRecord:
        """Return the record that `dataclasses.asdict` made `table` of.

        Args:
            table: Plain values; files of before `right` was kept have none.

        Returns:
            The record.

        Raises:
            ValueError: When the bits do not fit the counts: the file was changed.
        """
        by_class = {name: (int(hits), int(n)) for name, (hits, n) in table["by_class"].items()}
        kept = {name: table.get(name, "") for name in ("right", "labels")}
        record = cls(table["correct"], table["n"], table["attack"], by_class, **kept)
        answers = record.answers
        if answers is not None and int(answers.sum()) != record.correct:
            raise ValueError(
                f"An accuracy says {record.correct} of {record.n} and keeps {int(answers.sum())} "
                "correct answers. The file was changed after it was written."
            )
        return record

    @property
    def percent(self) -> float:
        """Accuracy in percent."""
        return 100.0 * self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, in percent: 360 images at 80 % leave 4 points each way."""
        ends = binomtest(self.correct, self.n).proportion_ci(CONFIDENCE, method="wilson")
        return 100.0 * float(ends.low), 100.0 * float(ends.high)

    @property
    def answers(self) -> NDArray[np.bool_] | None:
        """Whether each image was classified correctly, with shape (n,); None if not kept."""
        if not self.right:
            return None
        packed = np.frombuffer(bytes.fromhex(self.right), dtype=np.uint8)
        bits = np.unpackbits(packed)
        if len(packed) != -(-self.n // 8) or bits[self.n :].any():
            raise ValueError(
                f"An accuracy of {self.n} images keeps {len(bits)} answers. The file was changed "
                "after it was written."
            )
        return bits[: self.n].astype(bool)

    def minus(self, other: AccuracyRecord) -> PairedDifference | None:
        """Compare with another network's accuracy, image by image.

        Args:
            other: Its accuracy on the same images in the same order; attacks may differ.

        Returns:
            This accuracy minus the other; None where the answers to single images were not kept.

        Raises:
            ValueError: When the two are of other images.
        """
        if self.n != other.n or (self.labels and other.labels and self.labels != other.labels):
            raise ValueError(
                f"Two accuracies can be compared image by image only on the same images in the "
                f"same order, got {self.n} and {other.n} images"
                + ("." if self.n != other.n else " with other labels.")
            )
        mine, theirs = self.answers, other.answers
        if mine is None or theirs is None:
            return None
        only, lost = int((mine & ~theirs).sum()), int((~mine & theirs).sum())
        return PairedDifference(only, lost, self.n)


@dataclass(frozen=True)
class PairedDifference:
    """How the accuracies of two networks differ on the same images.

    Attributes:
        only_first: Images that only the first network classifies correctly.
        only_second: Images that only the second does.
        n: All images.
    """

    only_first: int
    only_second: int
    n: int

    @property
    def points(self) -> float:
        """The first accuracy minus the second, in percentage points."""
        return 100.0 * (self.only_first - self.only_second) / self.n

    @property
    def p_value(self) -> float:
        """McNemar's exact p value, two-sided: 1 where no image distinguishes the networks."""
        differing = self.only_first + self.only_second
        if not differing:
            return 1.0
        return float(binomtest(self.only_first, differing, 0.5).pvalue)

    @property
    def differs(self) -> bool:
        """Whether p is at most 0.05."""
        return self.p_value <= LEVEL

    @property
    def interval(self) -> tuple[float, float]:
        """Tango's 95 % interval of the difference, in percentage points."""
        z = float(norm.ppf(0.5 + CONFIDENCE / 2))
        b, c, n = self.only_first, self.only_second, self.n
        middle = (b - c) / n

        def beyond(side: int, difference: float) -> float:
            """How far b - c lies above (1) or below (-1) what is likely of a true difference."""
            slope = (2 * n - b + c) * difference - b - c
            root = slope**2 + 8 * n * c * difference * (1 - difference)
            q = (np.sqrt(max(root, 0.0)) - slope) / (4 * n)
            variance = n * max(2 * q + difference * (1 - difference), 0.0)
            return float(side * (b - c - n * difference) - z * np.sqrt(variance))

        # At the middle itself the equation may have a second root; it is no end of the interval.
        low, high = -1.0, 1.0
        if middle > -1:
            low = brentq(lambda d: beyond(1, d), -1.0, middle - NEAR)
        if middle < 1:
            high = brentq(lambda d: beyond(-1, d), middle + NEAR, 1.0)
        return 100.0 * float(low), 100.0 * float(high)
