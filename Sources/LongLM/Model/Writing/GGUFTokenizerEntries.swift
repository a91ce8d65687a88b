import GGUF
import Tokenization

extension GGUFEntries {
    /// Adds the keys of a vocabulary, which are those that ``TokenizerVocabulary`` names.
    mutating func add(_ vocabulary: TokenizerVocabulary) {
        let prefix = "tokenizer.ggml."
        add(prefix + "model", .string(vocabulary.model))
        if let pre = vocabulary.pre { add(prefix + "pre", .string(pre)) }
        add(prefix + "tokens", strings: vocabulary.tokens)
        if let scores = vocabulary.scores { add(prefix + "scores", float32s: scores) }
        if let types = vocabulary.tokenTypes { add(prefix + "token_type", int32s: types) }
        if let merges = vocabulary.merges { add(prefix + "merges", strings: merges) }
        for (name, id) in [
            ("bos", vocabulary.beginningID), ("eos", vocabulary.endID), ("eot", vocabulary.endOfTurnID),
            ("eom", vocabulary.endOfMessageID), ("unknown", vocabulary.unknownID), ("padding", vocabulary.paddingID),
        ] {
            if let id { add(prefix + name + "_token_id", .uint32(UInt32(clamping: id))) }
        }
        for (name, value) in [
            ("add_bos_token", vocabulary.addsBeginning), ("add_eos_token", vocabulary.addsEnd),
            ("add_space_prefix", vocabulary.addsSpacePrefix),
        ] {
            if let value { add(prefix + name, .bool(value)) }
        }
        if let template = vocabulary.chatTemplate { add("tokenizer.chat_template", .string(template)) }
        if let template = vocabulary.toolTemplate {
            add("tokenizer.chat_template.tool_use", .string(template))
            add("tokenizer.chat_templates", strings: ["tool_use"])
        }
    }
}
