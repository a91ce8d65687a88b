import LongLM

/// How requests get places, and places their sessions.
extension Engine {
    /// How a place can begin.
    private enum Beginning {
        /// With a session that has a part of its prompt.
        case generating(Session)
        /// By what reads its tokens between rounds.
        case reading(any PartReading)
        /// Later: another place reads the beginning of its prompt.
        case later
        /// Not before there is more memory.
        case short(MemoryShortage)
    }

    /// Gives free places to requests, as long as there is memory for them.
    func admit() {
        for place in places where place.isWaiting && isPresent(place) {
            guard begin(place) else { return }
        }
        while places.count < options.batchSize, let request = nextRequest() {
            guard begin(Place(request, part: request.nextPart)) else { return }
        }
    }

    /// The request that gets the next free place: the first of those that have the fewest places. Those in the queue have
    /// none.
    private func nextRequest() -> RunningRequest? {
        let next = requests.filter(\.hasNextPart).min { $0.placeCount < $1.placeCount }
        if let next, next.placeCount == 0 { return next }
        return admission.first.map(RunningRequest.init) ?? next
    }

    /// Lets a place begin, or wait for another one.
    ///
    /// - Returns: false if it has to wait for memory, and all others with it.
    private func begin(_ place: Place) -> Bool {
        do throws(APIError) {
            switch try beginning(of: place) {
            case .generating(let session):
                enter(place)
                place.reusedCount = session.position
                counters.update { $0.reusedTokenCount += session.position }
                if let choice = place.choice { generate(place, with: session, choice) }
            case .reading(let reading):
                enter(place)
                place.stage = .reading(reading)
            case .later: enter(place)
            case .short(let shortage):
                if mayFit(shortage), places.contains(where: { !$0.isWaiting }) { return false }
                // Nobody will give back what it needs.
                throw .outOfMemory(shortage, tokenCount: place.capacity)
            }
        } catch {
            enter(place)
            fail(place.request, error)
        }
        return true
    }

    /// Whether there is enough memory once all others have ended.
    private func mayFit(_ shortage: MemoryShortage) -> Bool {
        guard case .option(let limit) = shortage.limit else { return true }
        return shortage.neededByteCount <= limit - baseByteCount
    }

    /// Takes note of a place, and of its request if that was in the queue until now.
    private func enter(_ place: Place) {
        if isPresent(place) { return }
        let request = place.request
        if !requests.contains(where: { $0 === request }) {
            admission.begin(request.job)
            requests.append(request)
        }
        places.append(place)
        request.beginPart()
    }

    private func beginning(of place: Place) throws(APIError) -> Beginning {
        let rowLimit = Session.maximumPassRowCount
        do throws(SessionError) {
            guard let choice = place.choice else {
                return .reading(
                    TextEmbedding(place.prompt, in: try kept.newSession(capacity: place.capacity, rowLimit: rowLimit)))
            }
            if let count = place.scoredAlternativeCount {
                let isScored = places.contains {
                    $0.request === place.request && $0.choice?.prompt == choice.prompt && $0.reading != nil
                }
                if isScored { return .later }
                return .reading(
                    PromptScoring(
                        place.prompt, alternativeCount: count,
                        in: try kept.newSession(capacity: place.capacity, rowLimit: rowLimit)))
            }
            let others = places.compactMap(\.session)
            if isRead(place, elsewhereBeyond: kept.reusableCount(of: place.prompt, sharing: others)) { return .later }
            return .generating(try kept.session(for: place.prompt, capacity: place.capacity, sharing: others))
        } catch {
            if case .memory(let shortage) = error { return .short(shortage) }
            throw APIError(error)
        }
    }

    /// Whether another place is about to read more of a prompt's beginning than is there.
    ///
    /// - Parameter count: How many of its tokens are there.
    private func isRead(_ place: Place, elsewhereBeyond count: Int) -> Bool {
        // A round or two aren't worth waiting for.
        let leastGain = 32
        return places.contains { other in
            guard other !== place, other.isReady, other.readsPrompt, let session = other.session else { return false }
            let shared = min(zip(other.prompt, place.prompt).prefix { $0 == $1 }.count, place.prompt.count - 1)
            return shared >= count + leastGain && session.position < shared
        }
    }
}

extension APIError {
    /// A request that doesn't fit into memory, even alone.
    fileprivate static func outOfMemory(_ shortage: MemoryShortage, tokenCount: Int) -> APIError {
        func megabytes(_ count: Int) -> String { "\((count + 999_999) / 1_000_000) MB" }
        let (need, rest) = (megabytes(shortage.neededByteCount), megabytes(shortage.availableByteCount))
        let have =
            switch shortage.limit {
            case .option(let limit): "\(rest) of the server's --memory-limit of \(megabytes(limit)) are left"
            case .machine: "the server's machine has \(rest) left"
            }
        return APIError(
            status: .serviceUnavailable,
            message: """
                A text of up to \(tokenCount) tokens, with its answer, needs \(need), and \(have). A smaller max_tokens needs \
                less; so do a smaller --length and --cache int8, and a greater --memory-limit leaves more.
                """,
            code: "out_of_memory", isLasting: true)
    }
}
