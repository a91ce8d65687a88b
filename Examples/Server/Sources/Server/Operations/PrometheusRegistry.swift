import CoreMetrics
import Synchronization

/// Keeps what swift-metrics counts in a form that Prometheus can read: counters, gauges, and histograms of seconds.
///
/// Nothing is forgotten, so labels must have few values.
final class PrometheusRegistry: MetricsFactory {
    /// What is known of a metric beforehand.
    struct Description: Sendable {
        var help: String
        /// The upper bounds of a histogram's buckets, ascending, without the last, which has none.
        var buckets: [Double] = []
    }

    private enum Series {
        case counter(PrometheusNumber)
        case gauge(PrometheusNumber)
        case histogram(PrometheusHistogram)
    }

    private struct Key: Hashable {
        let name: String
        let labels: [String]

        init(_ name: String, _ dimensions: [(String, String)]) {
            self.name = name
            labels = dimensions.flatMap { [$0.0, $0.1] }
        }
    }

    private let descriptions: [String: Description]
    private let series = Mutex<[Key: (labels: [(String, String)], series: Series)]>([:])

    init(descriptions: [String: Description]) { self.descriptions = descriptions }

    /// Writes all of them, sorted by name and labels.
    func write(to page: inout MetricsPage) {
        let all = series.withLock { $0 }.sorted {
            ($0.key.name, $0.key.labels.joined()) < ($1.key.name, $1.key.labels.joined())
        }
        var last: String?
        for (key, (labels, series)) in all {
            let help = descriptions[key.name]?.help ?? key.name
            let isNew = key.name != last
            last = key.name
            switch series {
            case .counter(let counter):
                if isNew { page.begin(key.name, .counter, help) }
                page.sample(key.name, labels, counter.value)
            case .gauge(let gauge):
                if isNew { page.begin(key.name, .gauge, help) }
                page.sample(key.name, labels, gauge.value)
            case .histogram(let histogram):
                if isNew { page.begin(key.name, .histogram, help) }
                histogram.write(key.name, labels, to: &page)
            }
        }
    }

    // MARK: - MetricsFactory

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        number(label, dimensions) { .counter($0) }
    }

    func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        number(label, dimensions) { .counter($0) }
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        number(label, dimensions) { .gauge($0) }
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        aggregate ? histogram(label, dimensions) : number(label, dimensions) { .gauge($0) }
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { histogram(label, dimensions) }

    // The numbers stay: another instrument of the same name goes on with them.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    private func number(
        _ name: String, _ dimensions: [(String, String)], as kind: (PrometheusNumber) -> Series
    ) -> PrometheusNumber {
        series.withLock { all in
            switch all[Key(name, dimensions)]?.series {
            case .counter(let number), .gauge(let number): return number
            case .histogram: preconditionFailure("\(name) is a histogram")
            case nil:
                let number = PrometheusNumber()
                all[Key(name, dimensions)] = (dimensions, kind(number))
                return number
            }
        }
    }

    private func histogram(_ name: String, _ dimensions: [(String, String)]) -> PrometheusHistogram {
        series.withLock { all in
            switch all[Key(name, dimensions)]?.series {
            case .histogram(let histogram): return histogram
            case .counter, .gauge: preconditionFailure("\(name) is a number")
            case nil:
                let histogram = PrometheusHistogram(bounds: descriptions[name]?.buckets ?? [])
                all[Key(name, dimensions)] = (dimensions, .histogram(histogram))
                return histogram
            }
        }
    }
}

/// A counter or a gauge.
final class PrometheusNumber: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler {
    private let state = Mutex(0.0)

    var value: Double { state.withLock { $0 } }

    func increment(by amount: Int64) { increment(by: Double(amount)) }
    func increment(by amount: Double) { state.withLock { $0 += amount } }
    func decrement(by amount: Double) { state.withLock { $0 -= amount } }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0 = value } }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
    func reset() { set(0.0) }
}

/// How many values fell below each of some bounds, and their sum. Times are in seconds.
final class PrometheusHistogram: TimerHandler, RecorderHandler {
    private struct State {
        /// How many values are in each bucket, and in no lower one.
        var counts: [Int]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func write(_ name: String, _ labels: [(String, String)], to page: inout MetricsPage) {
        let state = state.withLock { $0 }
        var count = 0
        for (bound, inBucket) in zip(bounds + [.infinity], state.counts) {
            count += inBucket
            page.sample(name + "_bucket", labels + [("le", MetricsPage.text(of: bound))], Double(count))
        }
        page.sample(name + "_sum", labels, state.sum)
        page.sample(name + "_count", labels, Double(count))
    }
}
