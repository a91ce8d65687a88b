import CLongLM

/// How a target multiplies codes of quantised weights with quantised activations. Integers are exact, so all give the same
/// bits.
protocol CodeProducts {
    /// Adds four products to the integer in each word of `sums`.
    ///
    /// - Parameters:
    ///   - codes: Words of four bytes without sign.
    ///   - factors: Words of four bytes with sign.
    static func dot(_ codes: Lanes, _ factors: Lanes, _ sums: Lanes) -> Lanes
}

/// In whole vectors, for any processor.
enum PortableCodeProducts: CodeProducts {
    @_transparent
    static func dot(_ codes: Lanes, _ factors: Lanes, _ sums: Lanes) -> Lanes {
        longlm_dot_bytes(codes, factors, sums)
    }
}

#if arch(x86_64)
    /// With products of 16-bit numbers in AVX2.
    enum AVX2CodeProducts: CodeProducts {
        @_transparent
        static func dot(_ codes: Lanes, _ factors: Lanes, _ sums: Lanes) -> Lanes {
            longlm_dot_bytes_avx2(codes, factors, sums)
        }
    }

    /// With products of 16-bit numbers in AVX-512 BW.
    enum AVX512CodeProducts: CodeProducts {
        @_transparent
        static func dot(_ codes: Lanes, _ factors: Lanes, _ sums: Lanes) -> Lanes {
            longlm_dot_bytes_avx512(codes, factors, sums)
        }
    }

    /// With AVX-VNNI's dot products of bytes.
    enum AVX2VNNICodeProducts: CodeProducts {
        @_transparent
        static func dot(_ codes: Lanes, _ factors: Lanes, _ sums: Lanes) -> Lanes {
            longlm_dot_bytes_avx2vnni(codes, factors, sums)
        }
    }

    /// With AVX-512 VNNI's dot products of bytes.
    enum AVX512VNNICodeProducts: CodeProducts {
        @_transparent
        static func dot(_ codes: Lanes, _ factors: Lanes, _ sums: Lanes) -> Lanes {
            longlm_dot_bytes_avx512vnni(codes, factors, sums)
        }
    }
#endif

#if arch(arm64)
    /// With NEON's dot products of bytes with sign.
    enum NEONDotCodeProducts: CodeProducts {
        @_transparent
        static func dot(_ codes: Lanes, _ factors: Lanes, _ sums: Lanes) -> Lanes {
            longlm_dot_bytes_neondot(codes, factors, sums)
        }
    }

    /// With dot products of bytes without and with sign.
    enum NEONI8MMCodeProducts: CodeProducts {
        @_transparent
        static func dot(_ codes: Lanes, _ factors: Lanes, _ sums: Lanes) -> Lanes {
            longlm_dot_bytes_neoni8mm(codes, factors, sums)
        }
    }
#endif
