internal import FileReading
internal import StrictJSON

/// What an adapter's adapter_config.json says, in the form that PEFT writes.
struct LoRAConfiguration: Sendable {
    /// r; nil: every matrix has the rank that its factors have.
    let rank: Int?
    /// α.
    private let alpha: Double
    /// Whether B · A is scaled by α/√r instead of α/r (rank-stabilised LoRA, Kalajdzievski 2023).
    private let isRankStabilized: Bool

    /// What B · A is multiplied by.
    func scale(rank: Int) -> Float {
        Float(alpha / (isRankStabilized ? Double(rank).squareRoot() : Double(rank)))
    }

    /// The largest rank.
    static let maximumRank = 1 << 16

    /// Reads the file.
    ///
    /// - Throws: ``CheckpointError/invalidAdapter(file:reason:)`` when it isn't of the expected form,
    ///   ``CheckpointError/unsupportedAdapter(file:feature:)`` for anything but plain LoRA.
    init(contentsOfFile file: String) throws(CheckpointError) {
        let json: [UInt8]
        do throws(FileError) {
            json = try readWholeFile(file)
        } catch { throw .invalidAdapter(file: file, reason: error.reason) }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: json)
        } catch { throw .invalidAdapter(file: file, reason: error.text) }
        guard let members = value.members else { throw .invalidAdapter(file: file, reason: "holds no JSON object") }
        try self.init(members, file)
    }

    private init(_ members: [JSONMember], _ file: String) throws(CheckpointError) {
        func invalid(_ reason: String) -> CheckpointError { .invalidAdapter(file: file, reason: reason) }
        func unsupported(_ feature: String) -> CheckpointError { .unsupportedAdapter(file: file, feature: feature) }
        guard let type = members.value(of: "peft_type")?.string else { throw invalid("has no peft_type") }
        guard type == "LORA" else { throw unsupported("the PEFT type \(type)") }
        for (key, feature) in Self.unsupportedFeatures where members.value(of: key)?.saysSomething == true {
            throw unsupported(feature)
        }
        if let bias = members.value(of: "bias"), !bias.isNull, bias.string != "none" {
            throw unsupported("trained biases (bias)")
        }
        // Other initialisations change the base weights too.
        if let initialization = members.value(of: "init_lora_weights")?.string,
            !["gaussian", "eva", "orthogonal"].contains(initialization)
        {
            throw unsupported("the initialisation \(initialization), which changes the base model")
        }
        guard let rank = members.value(of: "r")?.number?.wholeNumber, (1...Self.maximumRank).contains(rank) else {
            throw invalid("has no member r that is a whole number between 1 and \(Self.maximumRank)")
        }
        guard let alpha = members.value(of: "lora_alpha")?.number?.double, alpha.isFinite else {
            throw invalid("has no member lora_alpha that is a number")
        }
        if let stabilized = members.value(of: "use_rslora"), !stabilized.isNull, stabilized.bool == nil {
            throw invalid("has a member use_rslora that is neither true nor false")
        }
        // The factors themselves tell the ranks that a pattern gives to some matrices.
        self.rank = members.value(of: "rank_pattern")?.saysSomething == true ? nil : rank
        self.alpha = alpha
        isRankStabilized = members.value(of: "use_rslora")?.bool ?? false
    }

    /// Members that ask for something else than W + scale · B · A, unless they are absent, null, false or empty.
    private static let unsupportedFeatures = [
        ("use_dora", "DoRA"), ("lora_bias", "trained biases (lora_bias)"),
        ("modules_to_save", "matrices that were trained as a whole (modules_to_save)"),
        ("alpha_pattern", "a scale of its own for some matrices (alpha_pattern)"),
        ("fan_in_fan_out", "transposed matrices (fan_in_fan_out)"),
        ("layer_replication", "repeated layers (layer_replication)"),
        ("trainable_token_indices", "trained rows of the embedding (trainable_token_indices)"),
        ("target_parameters", "parameters that are no modules (target_parameters)"),
        ("alora_invocation_tokens", "activated LoRA (alora_invocation_tokens)"), ("use_qalora", "QALoRA"),
        ("use_bdlora", "BD-LoRA"), ("arrow_config", "Arrow"), ("kasa_config", "KaSA"),
        ("monteclora_config", "MonteCLoRA"), ("velora_config", "VeLoRA"),
    ]
}

extension JSONValue {
    /// Whether it is anything but null, false, an empty list or an empty object.
    fileprivate var saysSomething: Bool {
        if isNull || bool == false { return false }
        return !(elements?.isEmpty ?? members?.isEmpty ?? false)
    }
}
