"""What can be set: each setting says what it means, and its default is one of its values."""

from dataclasses import fields, is_dataclass

from robustsplit.study import sections
from robustsplit.study.config import Config
from robustsplit.study.tables import build, plain


def test_every_setting_has_its_meaning_and_defaults_can_be_read_back():
    for name in sections.__all__:
        section = getattr(sections, name)
        for item in fields(section):
            assert is_dataclass(item.type) or item.metadata.get("help"), (name, item.name)
        assert build(section, plain(section()), name) == section()


def test_sections_are_those_of_a_study():
    kinds = {item.default_factory for item in fields(Config)} & {
        getattr(sections, name) for name in sections.__all__
    }
    assert len(kinds) == len(sections.__all__) - 1  # [attack] has a default of its own


def test_an_attack_without_a_name_is_no_section():
    assert plain(sections.AttackConfig(name="")) == {}
    assert plain(sections.AttackConfig("fgsm", {"eps": 0.1})) == {"name": "fgsm", "eps": 0.1}
