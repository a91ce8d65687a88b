"""What the clients' scripts share: where the server is, and how their checks are run.

Each script NAME_client.py has a few checks, takes the same options, and ends with exit status 0 or 1.
"""

import argparse
import os
import sys
import time
import traceback

# Nothing is looked up elsewhere, and nothing is told to anybody. It must be set before the clients are imported.
os.environ.update({
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DO_NOT_TRACK": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True", "TOKENIZERS_PARALLELISM": "false", "OPENAI_API_KEY": "none",
})


class Target:
    """The server that a client is pointed at, and its model."""

    def __init__(self, base_url, model, directory):
        #: Where the interface is, such as http://127.0.0.1:8080/v1.
        self.base_url = base_url
        #: What the server calls the model.
        self.model = model
        #: The model's directory, for clients that want the tokenizer.
        self.directory = directory


def run(*checks):
    """Runs checks, each of which takes a Target, and exits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True, help="such as http://127.0.0.1:8080/v1")
    parser.add_argument("--model", required=True, help="the model's directory, by whose name it is served")
    parser.add_argument("names", nargs="*", help="checks; all by default")
    arguments = parser.parse_args()
    directory = os.path.abspath(arguments.model)
    target = Target(arguments.base_url, os.path.basename(directory), directory)
    failures = 0
    for check in checks:
        if arguments.names and check.__name__ not in arguments.names:
            continue
        start = time.monotonic()
        try:
            check(target)
            print(f"passed {check.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception as error:
            failures += 1
            traceback.print_exc(limit=-3)
            print(f"FAILED {check.__name__}: {type(error).__name__}: {str(error)[:300]}", flush=True)
    sys.exit(1 if failures else 0)
