import SIMDKernels

/// A model's weights, packed and ready to run. It is constant and can serve any number of sessions at once.
public final class LanguageModel: Sendable {
    /// What config.json says.
    public let configuration: ModelConfiguration
    /// The tokens that end a text: generation_config.json's, or else config.json's.
    public let endTokens: [Int]
    /// The instructions that this model's sessions use.
    public let instructionSet: InstructionSet
    /// The memory that the packed weights take, in bytes.
    public let weightByteCount: Int
    let architecture: any Architecture

    /// Loads a model directory in Hugging Face's form: config.json beside model.safetensors or its shards.
    ///
    /// Every weight is packed once into the order in which the kernels read it, and its pages of the file are given
    /// back, so that loading takes little more memory than the weights themselves.
    ///
    /// - Parameters:
    ///   - directory: The path.
    ///   - instructionSet: What to compute with; by default the best that the processor has, or what `LONGLM_ISA`
    ///     names.
    ///   - progress: Called with the fraction that has been loaded, from 0 to 1.
    /// - Throws: ``ModelError``.
    public init(
        directory: String, instructionSet: InstructionSet? = nil, progress: ((Double) -> Void)? = nil
    ) throws(ModelError) {
        if let instructionSet {
            guard InstructionSet.available.contains(instructionSet) else {
                throw .instructionSet(.unavailable(instructionSet))
            }
            self.instructionSet = instructionSet
        } else {
            do {
                self.instructionSet = try InstructionSet.preferred()
            } catch { throw .instructionSet(error) }
        }
        configuration = try ModelConfiguration(contentsOfFile: directory + "/config.json")
        endTokens = try configuration.endTokens(directory: directory)
        let loader = try WeightLoader(directory: directory, progress: progress)
        architecture = try LlamaModel(configuration, loader)
        weightByteCount = loader.packedByteCount
        // A checkpoint may hold tensors that the model doesn't take, such as a copy of a tied embedding.
        progress?(1)
    }
}

/// A model family: its weights, and its forward pass as a list of the steps of ``ForwardPass``.
protocol Architecture: Sendable {
    /// Runs one batch of rows on one worker of a team.
    func forward(_ pass: ForwardPass)
}
