"""The paper's settings, and attacks by configuration."""

import pytest

from robustsplit.attacks import (
    ATTACKS,
    CW,
    FGSM,
    AutoAttack,
    Clean,
    attack_from_config,
    paper_attack,
    paper_steps,
)

# Settings


def test_paper_settings():
    for numerator, steps in ((8, 10), (16, 20), (32, 36)):
        for name in ("ifgsm", "pgd"):
            attack = paper_attack(name, numerator / 255)
            assert (attack.steps, attack.step_size) == (steps, 1 / 255)
    assert paper_steps(0.0) == 1
    assert paper_steps(4 / 255) == 5
    assert paper_attack("cw") == CW(c=1, steps=50, learning_rate=0.01, search_steps=1)
    assert paper_attack("autoattack", 16 / 255) == AutoAttack(16 / 255)
    assert paper_attack("fgsm") == FGSM(8 / 255)
    assert paper_attack("clean") == Clean()
    assert set(ATTACKS) == {"clean", "fgsm", "ifgsm", "pgd", "cw", "autoattack"}


def test_configuration():
    assert attack_from_config({"name": "pgd", "eps": "16/255", "paper": True}) == paper_attack(
        "pgd", 16 / 255
    )
    assert attack_from_config({"name": "pgd", "bounds": [-1, 1]}).bounds == (-1, 1)
    with pytest.raises(ValueError, match=r"No attack named 'pgdd'\. Did you mean 'pgd'"):
        attack_from_config({"name": "pgdd"})
    with pytest.raises(ValueError, match=r"No setting of pgd named 'step'\. Did you mean 'steps'"):
        attack_from_config({"name": "pgd", "step": 3})
    with pytest.raises(ValueError, match="needs a `name`"):
        attack_from_config({"eps": 0.1})
    with pytest.raises(ValueError, match="fraction such as \"8/255\", got '8/0'"):
        attack_from_config({"name": "fgsm", "eps": "8/0"})
    with pytest.raises(ValueError, match=r"Did you mean 'fgsm' or 'ifgsm'|Did you mean 'ifgsm'"):
        paper_attack("i-fgsm")
