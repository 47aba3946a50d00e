"""Lets the emulator keep blobs as on Windows, in every process with this folder in PYTHONPATH.

The storage server is the program in STORAGE_SERVER. Tests that run the emulator can be run so, too.
"""

import os
import sys
from pathlib import Path

if any(word.startswith(("emulator", "pytest")) for word in sys.orig_argv):
    from emulator import data_folder
    from emulator.parts import storage
    from emulator.parts.front import blob_names

    data_folder.BESIDE = ".metadata"
    blob_names.ON_WINDOWS = True
    storage.server_binary = lambda: Path(os.environ["STORAGE_SERVER"])
