"""aider, which edits files in a git repository."""

import json
import os
import subprocess
import sys
import tempfile

import client

FILE = "greeting.txt"
SETTINGS = """
- name: openai/{model}
  edit_format: whole
  use_repo_map: false
  use_temperature: 0
  streaming: {streaming}
  extra_params: {parameters}
"""

#: The answers that change the file, in the form that aider asks for.
EDIT = f"{FILE.replace('.', '[.]')}\n```\nGoodbye[.!]?\n```\n"


def edit(target, streaming, pattern=None):
    """The text of a file of one line, after a message to aider in the file's repository.

    :param pattern: What the answer has to be: the model is too small to be sure of a right edit.
    """
    parameters = {"max_tokens": 200, **({"extra_body": {"guided_regex": pattern}} if pattern else {})}
    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)

        write(FILE, "Hello\n")
        write("settings.yml", SETTINGS.format(
            model=target.model, streaming=json.dumps(streaming), parameters=json.dumps(parameters)))
        git = ["git", "-c", "user.name=aider", "-c", "user.email=aider@example.com"]
        for command in [["init", "-q"], ["add", FILE], ["commit", "-q", "-m", "A greeting"]]:
            subprocess.run([*git, *command], cwd=folder, check=True)
        command = [
            sys.executable, "-m", "aider", "--model", f"openai/{target.model}", "--openai-api-base", target.base_url,
            "--openai-api-key", "none", "--model-settings-file", "settings.yml", "--edit-format", "whole",
            "--stream" if streaming else "--no-stream", "--no-auto-commits", "--yes-always", "--no-show-model-warnings",
            "--no-gitignore", "--no-check-update", "--analytics-disable", "--no-pretty", "--no-suggest-shell-commands",
            "--no-detect-urls", "--map-tokens", "0", "--message",
            f"Replace Hello by Goodbye in {FILE}.", FILE,
        ]
        result = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
            env={**os.environ, "HOME": folder})
        output = result.stdout + result.stderr
        assert result.returncode == 0, output
        for word in ["litellm.", "APIError", "BadRequest", "Traceback", "Retrying"]:
            assert word not in output, output
        # It shows what it sent and got.
        assert "Tokens:" in output and "received" in output, output
        with open(os.path.join(folder, FILE)) as file:
            return file.read()


def streamed(target):
    edit(target, True)


def whole(target):
    edit(target, False)


def applied(target):
    for streaming in [True, False]:
        assert edit(target, streaming, EDIT).startswith("Goodbye"), "the edit is applied"


client.run(streamed, whole, applied)
