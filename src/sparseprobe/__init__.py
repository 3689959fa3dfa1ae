"""Which neurons of a language model represent a feature, how few of them suffice, and do they matter?

The public surface is the list in `__init__.pyi`; a name is imported when it is first used, so that `import sparseprobe`
and the command line start at once.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
