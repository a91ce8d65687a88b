"""Runs real clients against a built server, each with what it is mainly used for. The exit status is 1 when one fails.

    python run.py --server ../../.build/release/Server --model ../../../../Fixtures/.cache/SmolLM2-135M-Instruct

Every client has a script NAME_client.py. Its packages, of pinned versions, are installed into a virtual environment the
first time. Nothing but that needs a network.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from server import Server  # noqa: E402

#: Virtual environments: the file that lists the packages, and the scripts. No single one would suit all clients.
ENVIRONMENTS = {
    "openai": ("../requirements.txt", ["openai_client"]),
    "agents": (
        "requirements.txt",
        ["langchain_client", "litellm_client", "llm_client", "instructor_client", "pydantic_ai_client"]),
    "lm-eval": ("requirements-lm-eval.txt", ["lm_eval_client", "compare_loglikelihood"]),
    "aider": ("requirements-aider.txt", ["aider_client"]),
}


def python(folder, name):
    """The Python of a virtual environment, which is made if it isn't there, or was made for other packages."""
    requirements = os.path.join(HERE, ENVIRONMENTS[name][0])
    with open(requirements) as file:
        packages = file.read()
    path = os.path.join(folder, name)
    program = os.path.join(path, "bin", "python")
    # It is written last.
    note = os.path.join(path, "requirements.txt")
    if os.path.exists(note):
        with open(note) as file:
            if file.read() == packages:
                return program
    print(f"installing packages for {name}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", path], check=True)
    subprocess.run([program, "-m", "pip", "install", "-q", "-r", requirements], check=True)
    shutil.copy(requirements, note)
    return program


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="the built server")
    parser.add_argument("--model", required=True, help="a directory of SmolLM2-135M-Instruct")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="a client, all by default; may be given several times")
    parser.add_argument(
        "--environments", default=os.path.join(HERE, "../../../../Fixtures/.cache/clients"),
        help="the folder for virtual environments")
    arguments = parser.parse_args()
    scripts = {
        script.removesuffix("_client"): (environment, script)
        for environment, (_, names) in ENVIRONMENTS.items() for script in names
    }
    for name in arguments.only or []:
        if name not in scripts:
            parser.error(f"--only is {name}; it must be one of {', '.join(scripts)}")
    chosen = arguments.only or list(scripts)
    model = os.path.abspath(arguments.model)
    programs = {name: python(os.path.abspath(arguments.environments), scripts[name][0]) for name in chosen}
    failed = []
    with Server(os.path.abspath(arguments.server), model) as server:
        for name in chosen:
            print(f"== {name}", flush=True)
            start = time.monotonic()
            command = [programs[name], f"{scripts[name][1]}.py", "--base-url", f"http://127.0.0.1:{server.port}/v1"]
            is_good = subprocess.run([*command, "--model", model], cwd=HERE).returncode == 0
            print(f"{'passed' if is_good else 'FAILED'} {name} ({time.monotonic() - start:.0f} s)", flush=True)
            if not is_good:
                failed.append(name)
            if server.process.poll() is not None:
                sys.exit(f"the server has ended with exit status {server.process.poll()}")
        status, _ = server.terminate()
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed{': ' if failed else ''}{', '.join(failed)}")
    if status != 0:
        print(f"the server ended with exit status {status}")
    sys.exit(1 if failed or status != 0 else 0)


if __name__ == "__main__":
    main()
