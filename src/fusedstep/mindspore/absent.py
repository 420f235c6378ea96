"""Why ``fusedstep.mindspore`` has not what MindSpore has, in a sentence for each part of it."""

import re

AVERAGED = "It averages the weights of all steps, for which fusedstep has no rule."
SIGNS = "It keeps a step size for each element by the signs of gradients, for which fusedstep has no rule."
SECOND_ORDER = "It is of second order: it reads the activations of MindSpore's own layers."
PROCESSES = "It combines the gradients of several processes; fusedstep's optimizers run in one."
FAILOVER = "It reports to a service for the failover of Ascend devices."
TORCH = "It has the interface of torch.optim."
BOOST = "It rewrites MindSpore's own optimizers."
TRAINING = "It trains with MindSpore's layers and its autodiff, of which there are none here."
DATA = "There are no data sets here: batches come from any Python iterable."
CHECKPOINTS = "There are no checkpoints here: numpy.savez keeps what asnumpy() of the parameters gives."

# Full names without ``mindspore.``; the first that fits counts.
REASONS = (
    (r"nn\.(optim\.)*ASGD", AVERAGED),
    (r"nn\.(optim\.)*Rprop", SIGNS),
    (r"nn\.(optim\.)*[Tt]hor\w*", SECOND_ORDER),
    (r"nn\.(optim\.)*AdaSum\w*", PROCESSES),
    (r"nn\.(optim\.)*OptTFTWrapper", FAILOVER),
    (r"(experimental|mint)\.optim|mint", TORCH),
    (r"boost", BOOST),
    (
        r"amp|train|nn\.\w*LossScale\w*|nn\.wrap|(train\.)?\w*(Callback|LossScaleManager|Monitor)|ModelCheckpoint",
        TRAINING,
    ),
    (r"dataset", DATA),
    (r"(save|load|async_save|export|parse|restore)_\w*checkpoint\w*|load_param_into_net", CHECKPOINTS),
)


def reason_of(name: str) -> str:
    """Why a name of MindSpore is not here; "" if that is not known.

    >>> reason_of("nn.Rprop") == SIGNS, reason_of("nn.Adma")
    (True, '')
    """
    return next((reason for pattern, reason in REASONS if re.fullmatch(pattern, name)), "")
