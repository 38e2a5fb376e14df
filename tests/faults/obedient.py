"""A child process for the supervisor's tests: `python -m obedient MOOD [TOLD_FD]`.

It writes `started PID` and `ended MOOD` to the pipe TOLD_FD, so that a test can wait for what it does.
"""

import os
import signal
import sys

from tidings.app.parent import say_failed, say_ready, tie_to_parent


def main(mood: str, told_fd: int) -> None:
    tie_to_parent()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if mood == "stubborn" else lambda *_: sys.exit(0))
    try:
        os.write(told_fd, f"started {os.getpid()}\n".encode())
        _live(mood)
    finally:
        os.write(told_fd, f"ended {mood}\n".encode())


def _live(mood: str) -> None:
    if mood == "crash":
        sys.exit(7)
    if mood == "refuse":
        say_failed("http.port: taken")
        sys.exit(2)
    if mood != "silent":
        say_ready(f"I am {mood}")
    while True:
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
