"""Compares lm-evaluation-harness's log likelihoods with those of transformers, in 32-bit floats.

It takes the options of a client's script: --base-url of the server, and --model, the directory of its model.
"""

import client
import torch
import transformers
from lm_eval_client import QUESTIONS, evaluate, log_likelihoods

#: The most by which a sum of log probabilities may differ.
TOLERANCE = 1e-3


def expected(model, tokenizer, context, continuation):
    """A continuation's sum of log probabilities, and whether greedy decoding continues with it."""
    # As the harness divides a text into tokens: a space belongs to the token that follows it.
    context_length = len(tokenizer(context, add_special_tokens=False).input_ids)
    tokens = tokenizer(context + continuation, add_special_tokens=False).input_ids
    logits = model(torch.tensor([tokens])).logits[0, context_length - 1 : -1].double()
    answer = torch.tensor(tokens[context_length:])
    values = torch.log_softmax(logits, dim=-1)[torch.arange(len(answer)), answer]
    return values.sum().item(), bool((logits.argmax(dim=-1) == answer).all())


@torch.no_grad()
def loglikelihood_equals_transformers(target):
    _, samples = evaluate(target, batch_size=4)[QUESTIONS]
    tokenizer = transformers.AutoTokenizer.from_pretrained(target.directory)
    # Weights of half precision are widened, which changes no number.
    model = transformers.AutoModelForCausalLM.from_pretrained(target.directory, dtype=torch.float32).eval()
    differences = []
    for sample, values in zip(samples, log_likelihoods(samples)):
        for (value, is_greedy), choice in zip(values, sample["doc"]["choices"]):
            wanted, is_wanted = expected(model, tokenizer, sample["doc"]["question"], " " + choice)
            assert is_greedy == is_wanted, (sample["doc"], choice, value, wanted)
            differences.append(abs(value - wanted))
    print(f"  {len(differences)} sums; the largest difference is {max(differences):.2e}, the mean "
          f"{sum(differences) / len(differences):.2e}")
    assert max(differences) <= TOLERANCE


if __name__ == "__main__":
    client.run(loglikelihood_equals_transformers)
