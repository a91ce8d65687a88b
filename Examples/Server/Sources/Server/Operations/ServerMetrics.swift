import Metrics

/// What is counted and timed while requests are answered.
enum ServerMetrics {
    static let requestsInFlight = Meter(label: "longlm_http_requests_in_flight")
    static let timeToFirstToken = Timer(label: "longlm_time_to_first_token_seconds")
    static let timeBetweenTokens = Timer(label: "longlm_time_between_tokens_seconds")

    static func countRequest(endpoint: String, method: String, status: Int) {
        Counter(
            label: "longlm_http_requests_total",
            dimensions: [("endpoint", endpoint), ("method", method), ("status", String(status))]
        ).increment()
    }

    static func duration(of endpoint: String) -> Timer {
        Timer(label: "longlm_http_request_duration_seconds", dimensions: [("endpoint", endpoint)])
    }

    /// What Prometheus is told of these.
    static let descriptions: [String: PrometheusRegistry.Description] = [
        "longlm_http_requests_in_flight": .init(help: "Requests that are being read or answered."),
        "longlm_http_requests_total": .init(help: "Requests that have ended, by address and status."),
        "longlm_http_request_duration_seconds": .init(
            help: "Time from a request's head to the end of its answer.",
            buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]),
        "longlm_time_to_first_token_seconds": .init(
            help: "Time from a request's head to the first token of its answer.",
            buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320]),
        "longlm_time_between_tokens_seconds": .init(
            help: "Time between two tokens of an answer.",
            buckets: [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5]),
    ]
}
