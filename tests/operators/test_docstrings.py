"""The parts of a docstring."""

from fusedstep.operators.docstrings import description


def test_a_docstring_is_taken_apart() -> None:
    found = description(
        """What it does (Somebody, 2020).

        .. math::
            v &= v + g^2 \\\\
            w &= w - v

        With ``switch``, :math:`g^2` is left out.

        Args:
            var: the weights.
            a, b: two numbers
                of a kind.

        Returns:
            The new ``(var,)``.

        Source: somewhere,
        page 2.

        >>> 1
        1
        """
    )
    assert found.summary == "What it does (Somebody, 2020)."
    assert found.formula == ["v = v + g^2", "w = w - v"]
    assert found.notes == ["With switch, g^2 is left out."]
    assert found.arguments == {"var": "the weights.", "a": "two numbers of a kind.", "b": "two numbers of a kind."}
    assert found.returns == "The new (var,)."
    assert found.source == "somewhere, page 2."
    assert found.example == ">>> 1\n1"
