"""One message for an error, and exit code 2, on the error stream."""

import errno

import pytest

from mitools.samples.installed import install_line
from robustsplit.errors import explain, told_if_full


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ValueError("`eps` must be positive, got -1."),
            "Error: `eps` must be positive, got -1.\n",
        ),
        (
            KeyError("no such layer"),
            "Error: KeyError: no such layer (with --debug: the traceback)\n",
        ),
        (ZeroDivisionError(), "Error: ZeroDivisionError:  (with --debug: the traceback)\n"),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            f"Error: No module named 'torch'. Install it with: {install_line('torch')}\n",
        ),
    ],
)
def test_an_error_is_one_message(error, text, capsys):
    assert explain(error) == 2
    assert capsys.readouterr() == ("", text)


def test_a_full_disk_comes_with_advice():
    with (
        pytest.raises(OSError, match="Free some space") as raised,
        told_if_full("Free some space."),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert raised.value.errno in (errno.ENOSPC, None)


def test_other_errors_pass():
    with pytest.raises(OSError, match="denied"), told_if_full("Free some."):
        raise OSError(errno.EACCES, "denied")
