"""Linear algebra for arrays of numbers: floats, Values, and the numbers of compiled functions.

Each function has the name, the arguments and the results of NumPy's. On arrays of floats it is NumPy's. On the arrays
that a differentiated or compiled function receives, NumPy's own names lead here too:

>>> import numpy as np
>>> from autograd_engine import grad
>>> grad(lambda A: np.linalg.det(A))(np.array([[1.0, 2.0], [3.0, 4.0]]))
array([[ 4., -3.],
       [-2.,  1.]])
"""

import numpy as np

from autograd_engine.linalg.eigenvalues import eigh as eigh
from autograd_engine.linalg.eigenvalues import eigvalsh as eigvalsh
from autograd_engine.linalg.elimination import det as det
from autograd_engine.linalg.elimination import inv as inv
from autograd_engine.linalg.elimination import slogdet as slogdet
from autograd_engine.linalg.elimination import solve as solve
from autograd_engine.linalg.factorisations import cholesky as cholesky
from autograd_engine.linalg.factorisations import lstsq as lstsq
from autograd_engine.linalg.factorisations import pinv as pinv
from autograd_engine.linalg.factorisations import qr as qr
from autograd_engine.linalg.loops import product
from autograd_engine.linalg.powers import cond as cond
from autograd_engine.linalg.powers import expm as expm
from autograd_engine.linalg.powers import matrix_power as matrix_power
from autograd_engine.linalg.powers import norm as norm
from autograd_engine.number_arrays import FUNCTIONS

__all__ = [
    *("cholesky", "cond", "det", "eigh", "eigvalsh", "expm", "inv", "lstsq", "matrix_power", "norm", "pinv", "qr"),
    *("slogdet", "solve"),
]

FUNCTIONS.update({getattr(np.linalg, name): globals()[name] for name in __all__ if hasattr(np.linalg, name)})
FUNCTIONS[np.matmul] = product
