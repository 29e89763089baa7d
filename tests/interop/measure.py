"""Runs commands and measures them, in a process of its own: a child's greatest resident memory counts that of the process it was
forked from, so this one stays small and imports nothing that is not needed.

In: a JSON document {"commands": [[…]], "seconds": CPU seconds, "memory": bytes of address space} on standard input.
Out: a line for each command, in order: status, stdout, stderr, seconds, greatest resident bytes.
"""

import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def measured(command, seconds, memory):
    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    begun = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limited)
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(child.stderr.read)
        out = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return [child.returncode, out.decode(), error.result().decode(), time.monotonic() - begun, usage.ru_maxrss * 1024]


def main():
    asked = json.load(sys.stdin)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for answer in pool.map(lambda command: measured(command, asked["seconds"], asked["memory"]), asked["commands"]):
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
