import Tokenization

extension ModelConfiguration {
    /// Reads the configuration of a model alone: config.json of a directory, or the header of a GGUF file.
    ///
    /// - Parameter path: The directory or the file. Of several shards in GGUF, the first.
    /// - Throws: ``ModelError`` when it can't be read, or the model can't be run.
    public init(path: String) throws(ModelError) {
        self = try ModelLocation(ofModel: path).configuration()
    }
}

extension ModelLocation {
    /// Looks at a path, with the error of models.
    package init(ofModel path: String) throws(ModelError) {
        do {
            try self.init(path)
        } catch { throw .checkpoint(error) }
    }

    /// Reads the configuration alone, from config.json or the header of a GGUF file.
    ///
    /// - Throws: ``ModelError`` when it can't be read, or the model can't be run.
    package func configuration() throws(ModelError) -> ModelConfiguration {
        switch self {
        case .huggingFace(let path): return try ModelConfiguration(contentsOfFile: path + "/config.json")
        case .gguf(let path):
            let source: GGUFSource
            do {
                source = try GGUFSource(path: path)
            } catch { throw .checkpoint(error) }
            return try ModelConfiguration(GGUFConfiguration(source))
        }
    }

    /// Loads the tokenizer.
    ///
    /// - Throws: `TokenizerError`, or ``ModelError`` for a file whose vocabulary can't be used.
    package func tokenizer() throws -> Tokenizer {
        switch self {
        case .huggingFace(let path): try Tokenizer(contentsOfFile: path + "/tokenizer.json")
        case .gguf(let path): try Self.ggufTokenizer(path)
        }
    }

    /// Recognises the chat template.
    ///
    /// - Throws: `TokenizerError`, or ``ModelError`` for a file whose template can't be used.
    package func chatFormat() throws -> ChatFormat {
        switch self {
        case .huggingFace(let path): try ChatFormat(directory: path)
        case .gguf(let path): throw Self.noVocabulary(path)
        }
    }

    /// A chat format with the begin and end tokens of the model.
    ///
    /// - Throws: `TokenizerError` when they can't be read.
    package func adapted(_ format: ChatFormat) throws -> ChatFormat {
        switch self {
        case .huggingFace(let path): try format.adapted(toDirectory: path)
        case .gguf: format
        }
    }

    /// The tokenizer that a GGUF file's vocabulary describes.
    private static func ggufTokenizer(_ path: String) throws -> Tokenizer {
        throw noVocabulary(path)
    }

    private static func noVocabulary(_ path: String) -> ModelError {
        .unsupportedFeature(
            file: path, key: "tokenizer.ggml.model", value: "the vocabulary of a GGUF file can't be used yet")
    }
}
