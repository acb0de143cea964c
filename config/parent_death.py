"""Ask the kernel to end a child process when its parent dies (Linux: the parent-death signal of ``prctl(2)``).

Two packages start children that must not outlive them: the gateway starts its workers, ``creditgate up`` its
services. The gateway may not import ``creditgate``, so the function is in ``config``, which both import.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""Option of ``prctl`` that sets the parent-death signal (``linux/prctl.h``)."""


def end_with_parent(parent_pid: int) -> None:
    """Request SIGTERM for the calling process at its parent's death; exit at once if the parent is already dead.

    Call it in the child. It does nothing on other systems than Linux.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(0)
