"""Decoders with fatal bugs, for processes that find this folder on PYTHONPATH.

They replace the real ones when the module that starts them is loaded. Nothing of this is in
functions/, so deployed code cannot do it.
"""

import importlib.abc
import importlib.util
import os
import sys
from dataclasses import replace

DEADLY = b"this picture kills the function"
_WHERE = "quickthumb.kitchen.pool"


class _Finder(importlib.abc.MetaPathFinder):
    """Lets a picture kill the function, and makes children run `deadly_cook`."""

    def find_spec(self, name, path=None, target=None):
        if name != _WHERE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_poison(module):
            load(module)

            class Kitchen(module.Kitchen):
                def __init__(self, limits, children, memory):
                    # One that hangs is killed before its message is delivered again.
                    short = replace(limits, max_seconds=5.0)
                    super().__init__(short, children, memory, ("deadly_cook", "main"))

            class Job(module.Job):
                def render(self, data, renditions):
                    if DEADLY in data:
                        os._exit(1)
                    return super().render(data, renditions)

            module.Kitchen, module.Job = Kitchen, Job

        spec.loader.exec_module = load_and_poison
        return spec


sys.meta_path.insert(0, _Finder())
