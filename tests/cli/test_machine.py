"""What is said of a machine and of its packages."""

from fusedstep.cli import machine


def test_a_package_that_is_not_installed_has_no_version():
    assert machine.version("no-such-package-of-any-index") is None
