import Foundation
import Tokenization

extension ChatSession {
    /// The most tokens of an answer in a chat that was made of a path, unless ``options`` say otherwise.
    public static let defaultTokenLimit = 1_024

    /// Loads a model and begins a chat with it.
    ///
    /// ```swift
    /// let chat = try ChatSession(path: "SmolLM2-135M-Instruct")
    /// print(try chat.respond(to: "Name three rivers."))
    /// ```
    ///
    /// Tokenizer, chat template and end tokens are the model's own, and so is the way in which tokens are chosen:
    /// ``options`` are those of ``SamplingSettings/init(modelPath:)`` with ``defaultTokenLimit`` and the seed 0, so that a
    /// program gives the same answers each time. `chat.options = GenerationOptions(tokenLimit: 1_024)` chooses the
    /// most probable token each time, without a repetition penalty.
    ///
    /// - Parameters:
    ///   - path: The model: a directory in Hugging Face's form, or a GGUF file. Of several shards, the first.
    ///   - options: How the session runs: its attention mode, its capacity, its threads.
    ///   - loadOptions: How the model is loaded.
    ///   - system: The system message; nil: the format's own, if it has one.
    ///   - seed: The start of the random numbers, for models whose files recommend to draw tokens.
    ///   - progress: Called with the fraction of the model that has been loaded, which rises to 1.
    /// - Throws: ``ChatError``.
    public convenience init(
        path: String, options: SessionOptions = SessionOptions(), loadOptions: LoadOptions = LoadOptions(),
        system: String? = nil, seed: UInt64 = 0, progress: ((Double) -> Void)? = nil
    ) throws(ChatError) {
        // What is small is read first, so that what is wrong with it is found before the weights are loaded.
        let (tokenizer, format): (Tokenizer, ChatFormat)
        do throws(LoadingError) {
            let location = try ModelLocation(loading: path)
            (tokenizer, format) = (try location.tokenizer(), try location.chatFormat())
        } catch { throw ChatError(error) }
        let (model, settings): (LanguageModel, SamplingSettings)
        do throws(ModelError) {
            settings = try SamplingSettings(modelPath: path)
            model = try LanguageModel(path: path, options: loadOptions, progress: progress)
        } catch { throw .model(error) }
        let (session, generationOptions): (Session, GenerationOptions)
        do {
            session = try Session(model: model, options: options)
        } catch { throw .session(error) }
        do {
            generationOptions = try settings.options(tokenLimit: Self.defaultTokenLimit, seed: seed)
        } catch { throw .model(.invalidOption(error)) }
        self.init(
            session: session, tokenizer: tokenizer, format: format,
            messages: system.map { [ChatMessage(role: .system, content: $0)] } ?? [], options: generationOptions)
    }

    /// Loads a model and begins a chat with it, as ``init(path:options:loadOptions:system:seed:progress:)`` does.
    ///
    /// - Parameters:
    ///   - url: Where the model's directory or GGUF file is; a file URL.
    ///   - options: How the session runs.
    ///   - loadOptions: How the model is loaded.
    ///   - system: The system message; nil: the format's own, if it has one.
    ///   - seed: The start of the random numbers.
    ///   - progress: Called with the fraction of the model that has been loaded.
    /// - Throws: ``ChatError``.
    public convenience init(
        url: URL, options: SessionOptions = SessionOptions(), loadOptions: LoadOptions = LoadOptions(),
        system: String? = nil, seed: UInt64 = 0, progress: ((Double) -> Void)? = nil
    ) throws(ChatError) {
        guard url.isFileURL else {
            throw .model(.notAModel(path: url.absoluteString, reason: "is no file URL; download the model first"))
        }
        try self.init(
            path: url.path(percentEncoded: false), options: options, loadOptions: loadOptions, system: system,
            seed: seed, progress: progress)
    }
}
