"""aider, which edits files in a git repository."""

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
  extra_params:
    max_tokens: 200
"""


def edit(target, streaming):
    """A message to aider in a repository with one file of one line. The model is too small to be sure of a right edit:
    aider has to get its answer, and to apply it or to say why not."""
    with tempfile.TemporaryDirectory() as folder:
        def write(name, text):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)

        write(FILE, "Hello\n")
        write("settings.yml", SETTINGS.format(model=target.model, streaming=str(streaming).lower()))
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


def streamed(target):
    edit(target, True)


def whole(target):
    edit(target, False)


client.run(streamed, whole)
