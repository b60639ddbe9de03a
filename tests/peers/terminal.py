"""Runs a command on a terminal of its own and answers what it asks for.

The arguments are the command, the variable ANSWER is the answer to its first question, which ends with a colon and a
blank. What the terminal shows goes to standard output; the exit code is the command's.
"""

import os
import pty
import sys


def main():
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    shown = b""
    answer = os.environ["ANSWER"].encode() + b"\n"
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            # How Linux says that nobody has the terminal open any more.
            more = b""
        if not more:
            break
        shown += more
        if answer and shown.endswith(b": "):
            os.write(terminal, answer)
            answer = b""
    _, status = os.waitpid(child, 0)
    sys.stdout.write(shown.decode().replace("\r\n", "\n"))
    sys.exit(os.waitstatus_to_exitcode(status))


main()
