extension ServedModel {
    /// Takes the field `model`, which may be missing.
    ///
    /// - Throws: If it is another model.
    func check(_ fields: inout Fields) throws(APIError) {
        if let name = try fields.string("model"), !names.contains(name) { throw .unknownModel(name) }
    }
}
