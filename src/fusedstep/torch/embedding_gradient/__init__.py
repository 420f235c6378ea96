"""The gradient of an embedding's weight, as its lookups left it.

``tensor.py`` is the tensor, ``content.py`` what it consists of, and ``lookup.py`` what one lookup leaves; ``sums.py``
makes plain tensors of lookups. ``plain_functions.py`` has the functions that must not see the tensor, and
``dispatch.py`` runs the operations of PyTorch. Those that are registered in ``answers.py``, from ``arithmetic.py``,
``copies.py``, ``lists.py`` and ``norms.py``, work on the lookups; all others run on the plain form.
"""

from .lookup import Lookup as Lookup
from .tensor import EmbeddingGradient as EmbeddingGradient
