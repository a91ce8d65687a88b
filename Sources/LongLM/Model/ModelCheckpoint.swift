import SIMDKernels

/// What a model is loaded from: its configuration, and what holds its weights.
package struct ModelCheckpoint: Sendable {
    /// What the checkpoint says of the model's form.
    package let configuration: ModelConfiguration
    /// The tokens that end a text.
    package let endTokens: [Int]
    /// What holds the weights.
    package let source: any WeightSource
    /// Tells configurations apart in ``LanguageModel/fingerprint``.
    let configurationHash: UInt64

    /// Opens a model: a directory in Hugging Face's form, which is config.json beside model.safetensors or its shards, or a
    /// GGUF file.
    ///
    /// - Parameter path: The directory or the file, the first one of several shards.
    /// - Throws: ``ModelError`` when a file can't be read, or the model can't be run.
    package init(path: String) throws(ModelError) {
        switch try ModelLocation(ofModel: path) {
        case .huggingFace(let path): try self.init(directory: path)
        case .gguf(let path): try self.init(gguf: path)
        }
    }

    private init(directory: String) throws(ModelError) {
        let path = directory + "/config.json"
        let json = try readConfiguration(path)
        let configuration = try ModelConfiguration(json: json, file: path)
        let endTokens = try configuration.endTokens(directory: directory)
        do {
            self.init(
                configuration: configuration, endTokens: endTokens,
                source: try openWeights(directory: directory, configuration: json),
                configurationHash: json.withUnsafeBytes { WordHash.hash($0) })
        } catch { throw .checkpoint(error) }
    }

    private init(gguf path: String) throws(ModelError) {
        let source: GGUFSource
        do {
            source = try GGUFSource(path: path)
        } catch { throw .checkpoint(error) }
        let metadata = try GGUFConfiguration(source)
        let configuration = try ModelConfiguration(metadata)
        self.init(
            configuration: configuration, endTokens: configuration.endTokens, source: source,
            configurationHash: metadata.hash)
    }

    /// A model whose parts come from somewhere else.
    package init(
        configuration: ModelConfiguration, endTokens: [Int], source: any WeightSource, configurationHash: UInt64
    ) {
        self.configuration = configuration
        self.endTokens = endTokens
        self.source = source
        self.configurationHash = configurationHash
    }

    /// What loading with some options packs: which tensors, in what format, and how many bytes. Only headers are read.
    ///
    /// - Throws: ``ModelError`` when the weights aren't those of the model.
    package func weightPlan(_ options: LoadOptions = LoadOptions()) throws(ModelError) -> WeightPlan {
        try adapted(options).decoderPlan(options).weights
    }

    /// The model with the adapters of the options merged into its weights. Only headers are read.
    ///
    /// - Throws: ``ModelError`` when an adapter can't be merged.
    func adapted(_ options: LoadOptions) throws(ModelError) -> ModelCheckpoint {
        if options.adapters.isEmpty { return self }
        let packedFormat = try options.checkedPackedFormat()
        let threadCount = try options.checkedThreadCount()
        let instructionSet = try options.checkedInstructionSet()
        do {
            return ModelCheckpoint(
                configuration: configuration, endTokens: endTokens,
                source: try AdaptedSource(
                    source, adapters: options.adapters, packedFormat: packedFormat, threadCount: threadCount,
                    instructionSet: instructionSet), configurationHash: configurationHash)
        } catch { throw .checkpoint(error) }
    }

    /// Matches the model's decoder with what the source holds.
    func decoderPlan(_ options: LoadOptions) throws(ModelError) -> DecoderPlan {
        guard let family = Families.named(configuration.modelType) else {
            throw .unsupportedArchitecture(file: source.path, name: configuration.modelType)
        }
        let packedFormat = try options.checkedPackedFormat()
        do {
            return try DecoderPlan(family.describe(configuration), from: source, packedFormat: packedFormat)
        } catch { throw .checkpoint(error) }
    }
}
