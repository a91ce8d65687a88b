#!/usr/bin/env python3
"""Writes tasks/scores.json: answers with the scores that RULER's and LongBench's rules give them.

The rules are restated here from their published definitions, with Python's standard library alone:

- contains-all, contains: RULER's string_match_all and string_match_part, for one answer and from 0 to 1;
- f1: LongBench's qa_f1_score, the best over all references;
- rouge-l: F1 of the longest common subsequence of words, the best over all references;
- rouge-l-longbench: LongBench's rouge_score, which is the ROUGE-L of the package rouge 1.0.1, the best over all references.

    python3 make_task_scores.py          # writes the file
    python3 make_task_scores.py --check  # compares it
"""
import json
import pathlib
import re
import string
import sys
from collections import Counter

FILE = pathlib.Path(__file__).parent / "tasks" / "scores.json"

CASES = [
    ("1234567", ["1234567"]),
    (" is 1234567. The next", ["1234567", "7654321"]),
    ("123 4567", ["1234567"]),
    ("brave-OWL and Calm-Fox", ["Brave-owl", "calm-fox", "shy-goat"]),
    ("ABCDE FGHIJ KLMNO", ["ABCDE", "FGHIJ", "KLMNO", "PQRST", "UVWXY"]),
    ("", ["owl"]),
    ("the a an", ["the"]),
    ("The owl, in the oak.", ["An owl in an oak"]),
    ("owl owl owl", ["owl"]),
    ("It was the best of times", ["the worst of times", "it was of the best"]),
    ("theater another ant", ["the ater an other", "theater"]),
    ("don't stop-now", ["dont stopnow"]),
    ("zürich ÄPFEL", ["Zürich äpfel"]),
    ("e\u0301tude", ["étude", "etude"]),
    ("a b c d e f", ["b d f", "f e d c b a"]),
    ("line\nbreak\tand  spaces", ["line break and spaces"]),
    ("the", [""]),
    ("\u201cthe owl\u201d in the\u2014oak", ["\u201cowl\u201d in \u2014oak"]),
    ("The owl sat. The owl saw the oak. It slept", ["The owl saw. The oak slept. An owl slept", "It sat"]),
    ("one two three three. two one", ["three one two. one two. "]),
    ("...", ["... "]),
]


def contains(answer, reference):
    return reference.lower() in answer.lower()


def normalized(text):
    text = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def harmonic(common, count, reference_count):
    if common == 0:
        return 0.0
    precision, recall = common / count, common / reference_count
    return 2 * precision * recall / (precision + recall)


def f1(answer, reference):
    answer, reference = normalized(answer), normalized(reference)
    return harmonic(sum((Counter(answer) & Counter(reference)).values()), len(answer), len(reference))


def common_lengths(left, right):
    """By the definition, one pair of prefixes at a time."""
    lengths = {}
    for i in range(len(left) + 1):
        for j in range(len(right) + 1):
            if i == 0 or j == 0:
                lengths[i, j] = 0
            elif left[i - 1] == right[j - 1]:
                lengths[i, j] = lengths[i - 1, j - 1] + 1
            else:
                lengths[i, j] = max(lengths[i - 1, j], lengths[i, j - 1])
    return lengths


def longest_common(left, right):
    return common_lengths(left, right)[len(left), len(right)]


def rouge_l(answer, reference):
    answer, reference = answer.split(), reference.split()
    return harmonic(longest_common(answer, reference), len(answer), len(reference))


def common_words(left, right):
    """The distinct words of a longest common subsequence, read off from the end; at a fork, the answer's word is dropped."""
    lengths = common_lengths(left, right)
    words, i, j = set(), len(left), len(right)
    while i and j:
        if left[i - 1] == right[j - 1]:
            words.add(left[i - 1])
            i, j = i - 1, j - 1
        elif lengths[i - 1, j] > lengths[i, j - 1]:
            i -= 1
        else:
            j -= 1
    return words


def rouge_l_longbench(answer, reference):
    """Sentences end at full stops; a sentence of white space has one empty word; each word counts once."""
    answer, reference = (
        [sentence.split() or [""] for sentence in text.split(".") if sentence] for text in (answer, reference))
    if not answer or not reference:
        return 0.0
    common = set()
    for expected in reference:
        for sentence in answer:
            common |= common_words(expected, sentence)
    precision = len(common) / len(set().union(*answer))
    recall = len(common) / len(set().union(*reference))
    return 2 * (precision * recall / (precision + recall + 1e-8))


def scores(answer, references):
    found = [contains(answer, reference) for reference in references]
    return {
        "contains-all": sum(found) / len(found),
        "contains": float(any(found)),
        "f1": max(f1(answer, reference) for reference in references),
        "rouge-l": max(rouge_l(answer, reference) for reference in references),
        "rouge-l-longbench": max(rouge_l_longbench(answer, reference) for reference in references),
    }


def main():
    cases = [
        {"answer": answer, "references": references, "scores": scores(answer, references)}
        for answer, references in CASES
    ]
    text = json.dumps(cases, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        sys.exit(0 if FILE.read_text() == text else f"{FILE} differs")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text)


if __name__ == "__main__":
    main()
