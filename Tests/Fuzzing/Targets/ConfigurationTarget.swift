import Foundation
import LongLM

/// A config.json, and the plans for a context that a model of it would have.
enum ConfigurationTarget {
    static func run(_ input: [UInt8]) {
        do throws(ModelError) {
            let configuration = try ModelConfiguration(json: Data(input), file: "config.json")
            precondition(configuration.vocabularySize > 0 && configuration.layerCount > 0)
            _ = configuration.trainedContext
        } catch {
            precondition(!error.description.isEmpty)
        }
    }
}
