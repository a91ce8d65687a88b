import Charts

/// The report of a comparison.
extension MethodComparison {
    /// The report as one HTML file without scripts that needs no other: the same bytes for the same rows.
    public func html() -> String {
        let sections = [meanSection, pairSection, scoreSection, mapSection, lossSection, timeSection]
        return ChartPage(
            title: "\(header.model): ways to read long texts, compared", introduction: introduction,
            sections: sections.compactMap { $0 } + [settingSection] + originSections
        ).html()
    }

    private var introduction: String {
        var text =
            "\(header.model) was trained for texts of \(grouped(header.contextLength)) tokens. Here it answers "
            + "\(grouped(header.count)) prompts of each task at each length with \(header.settings.count) methods, which "
            + "all get the same prompts."
        if missingCount > 0 {
            text +=
                "\nThis report isn't complete: \(grouped(missingCount)) rows are missing. A prompt counts once all methods "
                + "have answered it. What isn't measured is shown as \(missing)."
        }
        return text
    }

    // MARK: Scores

    private var meanSection: ChartPage.Section {
        let lengths = header.lengths.sorted()
        let chart = LineChart(
            title: "Mean score against length", subtitle: "All tasks with the same weight",
            xAxisName: "tokens of the prompt and the answer", yAxisName: "mean score in %", xScale: .powersOfTwo,
            yIncluded: [0, 100],
            series: header.settings.map { method in
                let own = means.filter { $0.method == method }
                return LineChart.Series(
                    name: method,
                    points: own.compactMap { mean in
                        guard let length = mean.length, let score = mean.score else { return nil }
                        return LineChart.Point(x: Double(length), y: score * 100)
                    })
            }, markers: (lengths.last ?? 0) > header.contextLength ? [trainedContext] : [])
        return ChartPage.Section(
            heading: "Mean scores",
            caption:
                "Mean scores in per cent, over all tasks. The best of a row is marked. The range behind a score is "
                + "Wilson's interval of 95 per cent. For scores between 0 and 100 and for means it is wider than it has to be.",
            svg: lengths.count > 1 ? chart.svg() : nil,
            table: ChartPage.Table(
                header: ["tokens"] + header.settings,
                cells: rows(means) { [ChartPage.Table.Cell($0.length.map(grouped) ?? "all lengths")] }))
    }

    private var scoreSection: ChartPage.Section {
        ChartPage.Section(
            heading: "Scores by task", caption: "Mean scores in per cent.",
            table: ChartPage.Table(
                header: ["task", "tokens"] + header.settings,
                cells: rows(scores) {
                    [ChartPage.Table.Cell($0.task ?? ""), ChartPage.Table.Cell($0.length.map(grouped) ?? "")]
                }))
    }

    /// A row for each run of as many scores as there are methods, with cells in front of it.
    private func rows(
        _ scores: [MethodScore], _ front: (MethodScore) -> [ChartPage.Table.Cell]
    ) -> [[ChartPage.Table.Cell]] {
        stride(from: 0, to: scores.count, by: header.settings.count).map { start in
            let row = scores[start..<(start + header.settings.count)]
            return front(scores[start]) + row.map(cell)
        }
    }

    private func cell(_ score: MethodScore) -> ChartPage.Table.Cell {
        guard let mean = score.score, let low = score.low, let high = score.high else {
            return ChartPage.Table.Cell(missing)
        }
        func percent(_ value: Double) -> String { ChartNumber.label(value * 100, decimals: 0) }
        let isPartial = score.task != nil && score.count < header.count
        return ChartPage.Table.Cell(
            mean == 0 ? "0.0" : ChartNumber.label(mean * 100, decimals: 1),
            note: "\(percent(low))–\(percent(high))"
                + (isPartial ? ", \(grouped(score.count)) of \(grouped(header.count)) prompts" : ""),
            isMarked: score.isBest)
    }

    private var pairSection: ChartPage.Section? {
        guard let reference = header.settings.first, !pairs.isEmpty else { return nil }
        return ChartPage.Section(
            heading: "Prompt by prompt",
            caption:
                "To how many prompts a method gave a better or a worse answer than \(reference). The last column is the "
                + "probability of counts that are at least as uneven, if neither were better (the two-sided sign test): "
                + "a small one means that the difference is hardly chance. With many methods, a few small ones come by "
                + "chance too.",
            table: ChartPage.Table(
                header: ["method", "better", "worse", "the same", "probability"],
                rows: pairs.map { pair in
                    let isSmall = pair.probability < 0.0001
                    return [
                        pair.method, grouped(pair.better), grouped(pair.worse), grouped(pair.equal),
                        isSmall ? "< 0.0001" : ChartNumber.label(pair.probability, decimals: 4),
                    ]
                }))
    }

    private var mapSection: ChartPage.Section {
        let lengths = header.lengths.sorted()
        let within = lengths.count { $0 <= header.contextLength }
        let maps = header.settings.map { method in
            let own = scores.filter { $0.method == method }.map(\.score)
            let ownMeans = means.filter { $0.method == method && $0.length != nil }.map(\.score)
            let values = stride(from: 0, to: own.count, by: lengths.count).map { Array(own[$0..<($0 + lengths.count)]) }
            return HeatMap(
                title: method, valueName: "mean score", xAxisName: "tokens", columnLabels: lengths.map(grouped),
                yAxisName: "task", rowLabels: header.tasks + ["mean"], values: values + [ownMeans],
                marker: within < lengths.count
                    ? ChartMarker(position: Double(within), label: trainedContext.label) : nil)
        }
        return ChartPage.Section(heading: "A map for each method", gallery: maps.map { $0.svg() })
    }

    // MARK: Losses

    private var lossSection: ChartPage.Section? {
        guard let losses else { return nil }
        let chart = LineChart(
            title: "Loss against position",
            subtitle:
                "\(losses.text), \(losses.windowCount) window\(losses.windowCount == 1 ? "" : "s") of "
                + "\(grouped(losses.length)) tokens",
            xAxisName: "position", yAxisName: "mean of −ln p",
            series: losses.methods.map { method in
                LineChart.Series(
                    name: method.mode.map { label(method.method, $0) } ?? method.method,
                    points: method.buckets.compactMap { bucket in
                        bucket.loss.map { LineChart.Point(x: Double(bucket.first + bucket.last) / 2, y: $0) }
                    })
            }, markers: losses.length > header.contextLength ? [trainedContext] : [])
        func row(_ name: String, _ values: [Double?], decimals: Int) -> [ChartPage.Table.Cell] {
            let known = values.compactMap { $0 }
            let best = known.count == values.count && Set(known).count > 1 ? known.min() : nil
            return [ChartPage.Table.Cell(name)]
                + values.map { value in
                    ChartPage.Table.Cell(
                        value.map { ChartNumber.label($0, decimals: decimals) } ?? missing,
                        isMarked: best != nil && value == best)
                }
        }
        let buckets = losses.methods.first?.buckets ?? []
        let rows = buckets.indices.map { index in
            row(
                "\(grouped(buckets[index].first))–\(grouped(buckets[index].last))",
                losses.methods.map { index < $0.buckets.count ? $0.buckets[index].loss : nil }, decimals: 4)
        }
        return ChartPage.Section(
            heading: "Losses of a text",
            caption:
                "The loss is the mean of −ln p, where p is the probability of the text's next token: less is better. Every "
                + "window is read on its own, and the perplexity is the loss's exponential. Means over all positions "
                + "hide what happens beyond the trained context. \(losses.windowCount) of \(losses.windowLimit) windows "
                + "are read; SHA-256 of \(losses.text): \(losses.textHash).",
            svg: losses.windowCount > 0 ? chart.svg() : nil,
            table: ChartPage.Table(
                header: ["position"] + header.settings,
                cells: rows + [
                    row("all", losses.methods.map(\.loss), decimals: 4),
                    row("perplexity", losses.methods.map(\.perplexity), decimals: 3),
                ]))
    }

    // MARK: Times

    private var timeSection: ChartPage.Section? {
        guard !times.isEmpty else { return nil }
        // The machines, kinds of work and lengths, in the order in which they first occur.
        var groups: [MethodTime] = []
        func isAlike(_ one: MethodTime, _ other: MethodTime) -> Bool {
            one.processor == other.processor && one.threads == other.threads && one.work == other.work
                && one.length == other.length
        }
        for time in times where !groups.contains(where: { isAlike($0, time) }) { groups.append(time) }
        let rows = groups.map { group in
            [
                "\(group.processor), \(group.threads) thread\(group.threads == 1 ? "" : "s")",
                group.work == .answer ? "prompt and answer" : "window of the text", grouped(group.length),
            ]
                + header.settings.map { method in
                    let mode = mode(of: method, group.work, length: group.length)
                    let time = times.first { isAlike($0, group) && $0.mode == mode }
                    return time.map { ChartNumber.label($0.seconds, decimals: 2) } ?? missing
                }
        }
        return ChartPage.Section(
            heading: "Seconds",
            caption:
                "The mean time of a prompt with its answer, or of a window. Answers have different lengths, so they take "
                + "different times. The time for making a prompt counts to the first method. Methods that come to the "
                + "same mode are run once and have the same time.",
            table: ChartPage.Table(header: ["machine", "work", "tokens"] + header.settings, rows: rows))
    }

    private func mode(of method: String, _ work: RunLog.Work, length: Int) -> String? {
        switch work {
        case .answer: modes.first { $0.method == method && $0.length == length }?.mode
        case .window: losses?.methods.first { $0.method == method }?.mode
        }
    }

    // MARK: Settings and origin

    private var settingSection: ChartPage.Section {
        let lengths = header.lengths.sorted()
        let rows = header.settings.map { method in
            let window = losses.map { [$0.methods.first { $0.method == method }?.mode ?? missing] } ?? []
            return [method]
                + lengths.map { length in
                    modes.first { $0.method == method && $0.length == length }?.mode ?? missing
                } + window
        }
        return ChartPage.Section(
            heading: "Settings",
            caption:
                "What each method came to at each length, in the form that --methods and --attention take. A name alone and "
                + "auto choose their settings by the length and the model.",
            table: ChartPage.Table(
                header: ["method"] + lengths.map { "\(grouped($0)) tokens" }
                    + (losses.map { ["text, \(grouped($0.length)) tokens"] } ?? []),
                rows: rows))
    }

    private var originSections: [ChartPage.Section] {
        var facts = [
            ["model", header.model], ["trained for", "\(grouped(header.contextLength)) tokens"],
            ["arithmetic", header.precision], ["keys and values", header.cache],
            ["prompts", header.form == "chat" ? "in the model's chat format" : "without a chat format"],
            ["text around needles", "\(header.haystack), SHA-256 of its words \(header.haystackHash)"],
            ["seed of the prompts", String(header.seed)],
            ["fingerprint", "\(header.fingerprint), SHA-256 of the plain model's logits after a short question"],
        ]
        var files: [ModelFile] = []
        for file in runs.flatMap(\.weights) where !files.contains(file) { files.append(file) }
        facts += files.map { ["weights", "\($0.name), SHA-256 \($0.sha256)"] }
        facts += runs.map { run in
            let threads = "\(run.threads) thread\(run.threads == 1 ? "" : "s")"
            return ["run", "\(run.date), \(run.processor), \(threads), longlm \(run.version)"]
        }
        var commands: [String] = []
        for run in runs where !commands.contains(run.command) { commands.append(run.command) }
        let origin = ChartPage.Section(
            heading: "Where these figures come from",
            caption: runs.isEmpty
                ? "Machine, date and times aren't known: there is no file of runs among the rows."
                : "The rows depend on the model, the prompts and the methods, not on machine, threads or date.",
            table: ChartPage.Table(header: [], rows: facts))
        let again = ChartPage.Section(
            heading: "To repeat it", caption: "Bit for bit, on any machine:", code: commands)
        return commands.isEmpty ? [origin] : [origin, again]
    }

    private var trainedContext: ChartMarker {
        ChartMarker(
            position: Double(header.contextLength), label: "trained for \(grouped(header.contextLength))")
    }

    /// The mode alone where it begins with the method's name, and otherwise both.
    private func label(_ method: String, _ mode: String) -> String {
        mode.hasPrefix(method) ? mode : "\(method) (\(mode))"
    }

    private var missing: String { "–" }
    private func grouped(_ number: Int) -> String { ChartNumber.label(Double(number), decimals: 0) }
}
