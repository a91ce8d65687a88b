import Foundation

/// All that an operator can watch: requests, the engine, and the process.
struct OperatorMetrics: Sendable {
    let registry: PrometheusRegistry
    let admission: Admission
    let counters: EngineCounters
    /// What clients call the model.
    let model: String
    private let start = Date()

    init(registry: PrometheusRegistry, admission: Admission, counters: EngineCounters, model: String) {
        self.registry = registry
        self.admission = admission
        self.counters = counters
        self.model = model
    }

    func page() -> MetricsPage {
        var page = MetricsPage()
        page.begin("longlm_model_info", .gauge, "The model that is served.")
        page.sample("longlm_model_info", [("model", model)], 1)
        registry.write(to: &page)
        let (running, waiting) = admission.counts
        page.metric(
            "longlm_requests_running", .gauge, "Requests that the engine has begun to answer.", Double(running))
        page.metric("longlm_requests_waiting", .gauge, "Requests that wait for the engine.", Double(waiting))
        write(counters.values, to: &page)
        page.metric(
            "process_start_time_seconds", .gauge, "When the process started, in seconds since 1970.",
            start.timeIntervalSince1970)
        OwnProcess.write(to: &page)
        return page
    }

    private func write(_ values: EngineCounters.Values, to page: inout MetricsPage) {
        page.metric(
            "longlm_kept_conversations", .gauge, "Conversations that are kept for requests that begin as they do.",
            Double(values.keptCount))
        page.metric(
            "longlm_kept_conversations_bytes", .gauge, "Memory of the conversations that are kept.",
            Double(values.keptByteCount))
        page.metric(
            "longlm_memory_reserved_bytes", .gauge, "Memory that the weights and all conversations may need.",
            Double(values.reservedByteCount))
        page.metric(
            "longlm_memory_limit_bytes", .gauge, "The most memory that may be reserved.",
            values.limitByteCount.map { Double($0) })
        page.metric(
            "longlm_prompt_tokens_read_total", .counter, "Tokens of prompts that were read.",
            Double(values.readTokenCount))
        page.metric(
            "longlm_prompt_tokens_reused_total", .counter, "Tokens of prompts that a conversation had already.",
            Double(values.reusedTokenCount))
        page.metric(
            "longlm_generated_tokens_total", .counter, "Tokens of answers.", Double(values.generatedTokenCount))
        page.metric("longlm_passes_total", .counter, "Forward passes.", Double(values.passCount))
        page.metric("longlm_pass_rows_total", .counter, "Rows of all forward passes.", Double(values.passRowCount))
        page.metric(
            "longlm_pass_seconds_total", .counter, "Time of all forward passes.", values.passDuration / .seconds(1))
    }
}
