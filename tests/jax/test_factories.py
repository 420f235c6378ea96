"""The factory of each rule."""

import inspect

import pytest

import fusedstep as fs

pytest.importorskip("jax")
pytest.importorskip("optax")


def test_every_rule_has_its_own_signature_and_docstring() -> None:
    for name in fs.rules.__all__:
        make = getattr(fs.jax, name)
        signature = fs.Operator(getattr(fs.rules, name)).signature
        parameters = inspect.signature(make).parameters
        assert parameters.keys() == {"initial", "maximize", *signature.scalars, *signature.switches}
        assert make.__name__ == name
        for scalar in parameters:
            assert f"    {scalar}: " in make.__doc__
    assert inspect.signature(fs.jax.adam).parameters["beta1_power"].default is None
    assert inspect.signature(fs.jax.adam).parameters["beta1"].default is inspect.Parameter.empty
    assert set(dir(fs.jax)) >= set(fs.rules.__all__)
    with pytest.raises(AttributeError, match="has no 'nothing'"):
        fs.jax.nothing  # noqa: B018 - asking for it is what is tested
