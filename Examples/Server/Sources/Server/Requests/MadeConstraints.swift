import LongLM

/// Constraints that requests have made, for the next ones.
struct MadeConstraints: Sendable {
    var formats = RecentValues<Constraint, ConstraintError>()
    var calls = RecentValues<ForcedCall, APIError>()
}
