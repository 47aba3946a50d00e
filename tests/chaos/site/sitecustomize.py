"""A picture that kills whoever decodes it, for processes that find this folder on PYTHONPATH.

The engine that Python picks up here stands in for a decoder with a fatal bug. Nothing of it is in
functions/: the code that is deployed cannot do this.
"""

import importlib.abc
import importlib.util
import os
import sys

DEADLY = b"this picture kills"
_WHERE = "quickthumb.resize"


class _Finder(importlib.abc.MetaPathFinder):
    """Puts the deadly engine in front of the real one once the module that calls it is loaded."""

    def find_spec(self, name, path=None, target=None):
        if name != _WHERE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_poison(module):
            load(module)
            render = module.render

            def deadly(data, *args, **kwargs):
                if DEADLY in data:
                    os._exit(1)
                return render(data, *args, **kwargs)

            module.render = deadly

        spec.loader.exec_module = load_and_poison
        return spec


sys.meta_path.insert(0, _Finder())
