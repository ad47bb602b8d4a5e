"""The estimators, one method a file, named so that a reader of its paper finds it.

Their names stand in one list, `__init__.pyi`. Each is imported when first asked for, as most take
as long to import as everything else together.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
