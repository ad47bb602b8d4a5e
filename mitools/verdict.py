"""`Verdict` and what it rests on, by the path in use: see `mitools.evidence`."""

from mitools.evidence.record import CrossCheck, Saturation, Verdict
from mitools.evidence.verdict import judge

__all__ = ["CrossCheck", "Saturation", "Verdict", "judge"]
