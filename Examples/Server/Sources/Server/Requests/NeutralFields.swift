/// Fields of other servers' that change no answer of this one.
enum NeutralFields {
    /// They are about the client, or about how the answer is made, not about the answer.
    static let ignored = [
        "user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "store", "service_tier",
        "reasoning_effort", "verbosity", "prediction", "cache_prompt", "cache_control",
    ]

    /// Fields that this server doesn't have, with the values that ask for nothing.
    static let values: [String: [JSONValue]] = [
        "modalities": [["text"]], "functions": [[]], "function_call": ["none", "auto"], "suffix": [""],
        "min_tokens": [0], "length_penalty": [1], "typical_p": [1], "skip_special_tokens": [true],
        "spaces_between_special_tokens": [true], "add_generation_prompt": [true], "stop_token_ids": [[]],
    ]
}
