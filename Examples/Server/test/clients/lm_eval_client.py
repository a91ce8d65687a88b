"""EleutherAI's lm-evaluation-harness, on two small tasks of the folder tasks."""

import functools
import glob
import json
import os
import subprocess
import sys
import tempfile

import client

HERE = os.path.dirname(os.path.abspath(__file__))
QUESTIONS = "longlm_questions"
CONTINUATIONS = "longlm_continuations"


@functools.cache
def evaluate(target, is_chat=False, batch_size=1, concurrency=1):
    """For each task its results, and its samples in order. Chats have no log likelihoods, and so only one task."""
    kind = "chat-completions" if is_chat else "completions"
    tasks = [CONTINUATIONS] if is_chat else [CONTINUATIONS, QUESTIONS]
    arguments = {
        "model": target.model, "base_url": f"{target.base_url}/{'chat/' if is_chat else ''}completions",
        "tokenizer": target.directory, "tokenizer_backend": "huggingface", "tokenized_requests": not is_chat,
        "num_concurrent": concurrency, "max_retries": 1,
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "lm_eval", "run", "--model", f"local-{kind}", "--tasks", ",".join(tasks),
            "--model_args", ",".join(f"{key}={value}" for key, value in arguments.items()),
            "--include_path", "tasks", "--batch_size", str(batch_size), "--output_path", folder, "--log_samples",
            *(["--apply_chat_template"] if is_chat else []),
        ]
        # Its caches would be shared with other programs, and outlive the files that they are made from.
        environment = {**os.environ, "HF_HOME": os.path.join(folder, "cache")}
        result = subprocess.run(command, cwd=HERE, capture_output=True, text=True, env=environment)
        assert result.returncode == 0, result.stderr[-4000:]

        def read(pattern):
            with open(glob.glob(f"{folder}/*/{pattern}")[0]) as file:
                return file.read()

        results = json.loads(read("results_*.json"))["results"]
        def samples(task):
            lines = read(f"samples_{task}_*.jsonl").splitlines()
            return sorted(map(json.loads, lines), key=lambda sample: sample["doc_id"])

        return {task: (results[task], samples(task)) for task in tasks}


def log_likelihoods(samples):
    """For each question the choices' sums of log probabilities, and whether greedy decoding continues with each."""
    return [[(float(value), str(greedy) == "True") for [[value, greedy]] in sample["resps"]] for sample in samples]


def loglikelihood(target):
    results, samples = evaluate(target)[QUESTIONS]
    assert len(samples) >= 50
    assert results["acc,none"] > 0.5, results
    # Requests with several prompts, several of them at once, change nothing.
    _, together = evaluate(target, batch_size=7, concurrency=3)[QUESTIONS]
    assert log_likelihoods(together) == log_likelihoods(samples)
    assert any(greedy for sample in log_likelihoods(samples) for _, greedy in sample)
    print(f"  accuracy {results['acc,none']:.3f}")


def generate_until(target):
    results, samples = evaluate(target)[CONTINUATIONS]
    assert len(samples) >= 10 and all("\n" not in sample["resps"][0][0] for sample in samples), samples
    assert results["exact_match,word"] > 0.4, (results, [sample["resps"] for sample in samples])
    _, together = evaluate(target, batch_size=7, concurrency=3)[CONTINUATIONS]
    assert [sample["resps"] for sample in together] == [sample["resps"] for sample in samples]
    print(f"  exact matches {results['exact_match,word']:.3f}")


def chat(target):
    _, samples = evaluate(target, is_chat=True)[CONTINUATIONS]
    assert any(sample["resps"][0][0].strip() for sample in samples), samples


if __name__ == "__main__":
    client.run(loglikelihood, generate_until, chat)
