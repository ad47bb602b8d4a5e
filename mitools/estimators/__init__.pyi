# The one list of the estimators: what type checkers read, and what `__init__.py` imports a name
# from when it is first asked for.

from .auto import Auto as Auto
from .canonical import Canonical as Canonical
from .conditional import ConditionalKSG as ConditionalKSG
from .conditional import conditional_independence_test as conditional_independence_test
from .conditional import conditional_mutual_information as conditional_mutual_information
from .discrete import PlugIn as PlugIn
from .edge import EDGE as EDGE
from .gaussian import Gaussian as Gaussian
from .gaussian import GaussianCopula as GaussianCopula
from .geometric import Geometric as Geometric
from .ksg import KSG as KSG
from .labels import Labels as Labels
from .mixed import Mixed as Mixed
from .neural.critics import MINE as MINE
from .neural.critics import SMILE as SMILE
from .neural.critics import InfoNCE as InfoNCE
from .neural.learned import Learned as Learned
from .neural.settings import Training as Training
from .noisy import NoisyBounds as NoisyBounds
from .sliced import Sliced as Sliced
