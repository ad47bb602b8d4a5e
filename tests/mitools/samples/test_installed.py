"""The pip line names what was installed: an index, a file, a repository, or a clone."""

import pytest

from mitools.samples import installed
from mitools.samples.installed import install_line


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ("", 'pip install "robustsplit[torch]"'),
        (
            '{"url": "file:///a%20b/clone", "dir_info": {"editable": true}}',
            'pip install -e "/a b/clone[torch]"',
        ),
        ('{"url": "file:///a/clone", "dir_info": {}}', 'pip install "/a/clone[torch]"'),
        ('{"url": "file:///a/r.whl", "archive_info": {}}', 'pip install "/a/r.whl[torch]"'),
        (
            '{"url": "https://h/r.git", "vcs_info": {"vcs": "git", "commit_id": "1"}}',
            'pip install "robustsplit[torch] @ git+https://h/r.git"',
        ),
        (
            '{"url": "https://h/r.whl", "archive_info": {}}',
            'pip install "robustsplit[torch] @ https://h/r.whl"',
        ),
    ],
)
def test_the_line_follows_the_way_it_was_installed(monkeypatch, origin, line):
    class Found:
        def read_text(self, name):
            assert name == "direct_url.json"
            return origin or None

    monkeypatch.setattr(installed, "distribution", lambda name: Found())
    assert install_line("torch") == line


def test_a_clone_that_is_not_installed_is_named_by_its_folder(monkeypatch):
    def missing(name):
        raise installed.PackageNotFoundError(name)

    monkeypatch.setattr(installed, "distribution", missing)
    assert install_line("dask").startswith('pip install -e "/')
