"""A declared setting is a dataclass field that knows its meaning and its range."""

from dataclasses import dataclass, fields

from robustsplit.settings import setting


@dataclass(frozen=True)
class Section:
    steps: int = setting(3, "how many", least=1, most=9)
    kind: str = setting("a", "which", choices=("a", "b"))


def test_the_default_is_the_fields_and_the_rest_is_its_metadata():
    assert Section() == Section(steps=3, kind="a") and Section.steps == 3
    steps, kind = fields(Section)
    assert dict(steps.metadata) == {"help": "how many", "least": 1, "most": 9, "choices": ()}
    assert kind.metadata["choices"] == ("a", "b") and kind.metadata["least"] is None
