"""Adversarial attacks, typed and guarded: the model comes back as it was, the result holds."""

from robustsplit.attacks.autoattack import AutoAttack
from robustsplit.attacks.base import Attack, CallableAttack, Clean, Norm, as_attack
from robustsplit.attacks.carlini_wagner import CW
from robustsplit.attacks.fgsm import FGSM
from robustsplit.attacks.flags import Flag, masking_flags
from robustsplit.attacks.foreign import from_foolbox
from robustsplit.attacks.guard import AttackError
from robustsplit.attacks.ifgsm import IFGSM
from robustsplit.attacks.logits import SelectOutput
from robustsplit.attacks.norms import PerturbationNorms, perturbation_norms
from robustsplit.attacks.pgd import PGD
from robustsplit.attacks.presets import ATTACKS, attack_from_config, paper_attack, paper_steps

__all__ = [
    "ATTACKS",
    "CW",
    "FGSM",
    "IFGSM",
    "PGD",
    "Attack",
    "AttackError",
    "AutoAttack",
    "CallableAttack",
    "Clean",
    "Flag",
    "Norm",
    "PerturbationNorms",
    "SelectOutput",
    "as_attack",
    "attack_from_config",
    "from_foolbox",
    "masking_flags",
    "paper_attack",
    "paper_steps",
    "perturbation_norms",
]
