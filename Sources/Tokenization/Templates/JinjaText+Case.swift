/// Letter case and classes of characters, as Python's `str` has them.
extension JinjaText {
    var uppercased: JinjaText { mapped { $1.hasNoCase ? nil : $1.properties.uppercaseMapping } }

    var lowercased: JinjaText { mapped { lowercase($1, at: $0) } }

    /// The first scalar as in a title, the others in lower case.
    var capitalized: JinjaText {
        mapped { $0 == 0 ? $1.properties.titlecaseMapping : lowercase($1, at: $0) }
    }

    var caseSwapped: JinjaText {
        mapped { $1.properties.isUppercase ? lowercase($1, at: $0) : $1.properties.uppercaseMapping }
    }

    /// Each first letter of a run of letters as in a title.
    var titled: JinjaText {
        var followsLetter = false
        return mapped { position, scalar in
            defer { followsLetter = scalar.properties.isCased }
            return followsLetter ? lowercase(scalar, at: position) : scalar.properties.titlecaseMapping
        }
    }

    /// As Jinja's filter `title` has it: words begin after white space, hyphens and opening brackets.
    var titledByWords: JinjaText {
        var beginsWord = true
        return mapped { position, scalar in
            let isFirst = beginsWord
            beginsWord = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
            return isFirst ? scalar.properties.uppercaseMapping : lowercase(scalar, at: position)
        }
    }

    /// A capital sigma becomes another letter at the end of a word.
    private func lowercase(_ scalar: Unicode.Scalar, at position: Int) -> String? {
        if scalar.value < 0x80, !scalar.isPythonUppercase { return nil }
        guard scalar == "Σ" else { return scalar.properties.lowercaseMapping }
        let before = scalars[..<position].last { !$0.properties.isCaseIgnorable }
        let after = scalars[(position + 1)...].first { !$0.properties.isCaseIgnorable }
        return before?.properties.isCased == true && after?.properties.isCased != true ? "ς" : "σ"
    }

    /// Whether there is a cased letter, and all cased letters are lower case.
    var isLowercase: Bool {
        scalars.contains(where: \.isPythonLowercase)
            && !scalars.contains { $0.isPythonUppercase || $0.isTitlecase }
    }

    var isUppercase: Bool {
        scalars.contains(where: \.isPythonUppercase)
            && !scalars.contains { $0.isPythonLowercase || $0.isTitlecase }
    }

    /// Whether it isn't empty and all scalars are of a class.
    func consists(of isMember: (Unicode.Scalar) -> Bool) -> Bool { !isEmpty && scalars.allSatisfy(isMember) }
}

extension Unicode.Scalar {
    /// Python counts the four information separators as white space, Unicode does not.
    var isPythonSpace: Bool {
        if value < 0x80 { return value == 0x20 || (0x09...0x0D).contains(value) || (0x1C...0x1F).contains(value) }
        return properties.isWhitespace
    }

    // Looking up what Unicode says is slow, so ASCII comes first.

    var isPythonUppercase: Bool { value < 0x80 ? ("A"..."Z").contains(self) : properties.isUppercase }
    var isPythonLowercase: Bool { value < 0x80 ? ("a"..."z").contains(self) : properties.isLowercase }
    fileprivate var isTitlecase: Bool { value >= 0x80 && properties.generalCategory == .titlecaseLetter }
    /// Whether it is a scalar of ASCII that isn't a letter.
    fileprivate var hasNoCase: Bool { value < 0x80 && !isPythonUppercase && !isPythonLowercase }

    /// Whether `splitlines` ends a line here.
    var endsPythonLine: Bool {
        switch value {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    var isPythonLetter: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: false
        }
    }

    /// The number that a decimal digit of any script stands for.
    var decimalDigit: Int? {
        guard properties.generalCategory == .decimalNumber, let value = properties.numericValue else { return nil }
        return Int(value)
    }

    /// A letter, a number or an underscore: `\w` of Python.
    var isPythonWord: Bool {
        self == "_" || isPythonLetter || properties.numericType != nil
    }
}
