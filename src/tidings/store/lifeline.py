"""Ties a child process to the process that started it: when the parent dies, the child is signalled."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

# Looked up at import: code between fork and exec must neither import nor allocate more than it has to.
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def die_with_parent(signum: signal.Signals, *, parent_pid: int) -> bool:
    """Ask the kernel to send us `signum` when the thread that started us ends; False if it is gone already.

    To be called in the child, after any change of user (the kernel forgets the wish when the user changes).
    Elsewhere than on Linux only the second half is done.
    """
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
    return os.getppid() == parent_pid
