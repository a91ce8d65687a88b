"""Exercises a built server with OpenAI's client and with plain HTTP. The exit status is 1 when anything fails.

    pip install -r requirements.txt
    python exercise.py --server ../.build/release/Server --model ../../../Fixtures/.cache/SmolLM2-135M-Instruct

Names of checks, or of modules in the folder checks, run only those: python exercise.py ... fields chat_stream

--quick leaves out the checks marked @not_quick. What is left touches each subject, in less than half of the processor time.
"""

import argparse
import sys
import time
import traceback

import checks.connections
import checks.embeddings
import checks.engine
import checks.fields
import checks.formats
import checks.operations
import checks.page
import checks.process
import checks.prompts
import checks.texts
import checks.tools
import checks.wire
from checks.common import SHARED_OPTIONS, slow_checks, own_checks, shared_checks
from server import Server


def run(check, *arguments):
    """Whether a check passes."""
    start = time.monotonic()
    try:
        check(*arguments)
    except Exception:
        print(f"FAILED {check.__name__}\n{traceback.format_exc()}", flush=True)
        return False
    print(f"passed {check.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the built server")
    parser.add_argument("--model", required=True, help="a directory of SmolLM2-135M-Instruct")
    parser.add_argument("names", nargs="*", help="checks or modules; all by default")
    parser.add_argument("--quick", action="store_true", help="without the checks marked @not_quick")
    arguments = parser.parse_args()

    def chosen(checks):
        if arguments.quick:
            checks = [check for check in checks if check not in slow_checks]
        names = set(arguments.names)
        return [check for check in checks if not names or names & {check.__name__, check.__module__.split(".")[-1]}]

    results = []
    if chosen(shared_checks):
        with Server(arguments.server, arguments.model, *SHARED_OPTIONS) as server:
            results += [run(check, server) for check in chosen(shared_checks)]
    results += [run(check, arguments.server, arguments.model) for check in chosen(own_checks)]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(0 if results and all(results) else 1)


if __name__ == "__main__":
    main()
