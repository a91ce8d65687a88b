#if arch(x86_64) && os(Linux)
    import Foundation
    import Testing

    /// The kernels' speed rests on the compiler inlining each Swift body into its trampoline (see LongLMTrampolines.h).
    /// Where it stops doing so the results stay right and everything becomes a hundred times slower, so the machine
    /// code of this very process is looked at.
    @Suite("Trampolines")
    struct TrampolineTests {
        static let kernels = [
            "gemm", "gemv", "attention", "peak", "pack_input", "pack_weights", "normalize", "rotary", "attention_merge",
            "read", "quantize_input", "unpack", "code_gemm", "code_gemv", "code_attention", "code_peak",
        ]
        /// The kernels that multiply in tiles, which AVX-512 BF16 compiles for itself.
        static let tileKernels = ["gemm", "gemv", "attention", "peak", "pack_input"]
        /// The kernels of code products, which VNNI compiles for itself.
        static let codeKernels = ["code_gemm", "code_gemv", "code_attention", "code_peak"]
        /// Those that call the kernel that unpacks quantised weights, through a pointer: once for each matrix of a gated product.
        static let unpackingKernels = ["gemm", "code_gemm"]
        /// Kernels that only move, read or round numbers.
        static let movingKernels: Set = ["pack_input", "pack_weights", "read", "quantize_input"]

        /// The C library's memory functions for remainders and fills, and the root of a negative number, which none has.
        static let allowedCalls: Set = ["memcpy", "memmove", "memset", "sqrtf"]

        @Test(
            "A kernel's body stands in its trampoline",
            .enabled(if: Disassembler.isExpected, "objdump isn't installed"),
            arguments: kernels, ["avx2", "avx512"])
        func inlinedBody(_ kernel: String, _ instructionSet: String) throws {
            let symbol = "longlm_call_\(kernel)_\(instructionSet)"
            let lines = try Disassembler.disassemble(symbol)
            // The ceilings' loops are short.
            let isCeiling = kernel.hasSuffix("peak") || kernel == "read"
            #expect(lines.count > (isCeiling ? 20 : 100), "\(symbol) has \(lines.count) instructions")
            let multiplies = lines.contains {
                $0.contains("vfmadd") || $0.contains("vfnmadd") || $0.contains("vfmsub")
            }
            #expect(multiplies != Self.movingKernels.contains(kernel))
            #expect(lines.contains { $0.contains("%zmm") } == (instructionSet == "avx512"))
            #expect(lines.contains { $0.contains("%ymm") } || instructionSet == "avx512")
            expectNoCalls(lines, symbol)
        }

        @Test(
            "A bfloat16 kernel's body stands in its trampoline",
            .enabled(if: Disassembler.isExpected, "objdump isn't installed"), arguments: tileKernels)
        func inlinedBFloat16Body(_ kernel: String) throws {
            let symbol = "longlm_call_\(kernel)_avx512bf16"
            let lines = try Disassembler.disassemble(symbol)
            let multiplies = lines.contains { $0.contains("vdpbf16ps") && $0.contains("%zmm") }
            #expect(multiplies != Self.movingKernels.contains(kernel))
            expectNoCalls(lines, symbol)
        }

        @Test(
            "A VNNI kernel's body stands in its trampoline",
            .enabled(if: Disassembler.isExpected, "objdump isn't installed"),
            arguments: codeKernels, ["avx2vnni", "avx512vnni"])
        func inlinedCodeBody(_ kernel: String, _ target: String) throws {
            let symbol = "longlm_call_\(kernel)_\(target)"
            let lines = try Disassembler.disassemble(symbol)
            let register = target == "avx512vnni" ? "%zmm" : "%ymm"
            #expect(lines.contains { $0.contains("vpdpbusd") && $0.contains(register) })
            expectNoCalls(lines, symbol)
        }

        private func expectNoCalls(_ lines: [Substring], _ symbol: String) {
            var unpackingCount = 0
            for line in lines {
                guard let target = Disassembler.target(of: line), target != symbol else { continue }
                if target.contains("*") {
                    unpackingCount += 1
                } else {
                    #expect(Self.allowedCalls.contains(target), "\(symbol) leaves for \(target)")
                }
            }
            let unpacks = Self.unpackingKernels.contains { symbol.contains("call_\($0)_") }
            #expect(unpackingCount <= (unpacks ? 2 : 0), "\(symbol) has \(unpackingCount) calls through pointers")
        }

        @Test("Every trampoline is tested", .enabled(if: Disassembler.isExpected, "objdump isn't installed"))
        func allTrampolines() throws {
            let symbols = try Disassembler.symbols().filter { $0.hasPrefix("longlm_call_") }
            let expected =
                Self.kernels.flatMap { kernel in ["baseline", "avx2", "avx512"].map { "longlm_call_\(kernel)_\($0)" } }
                + Self.tileKernels.map { "longlm_call_\($0)_avx512bf16" }
                + Self.codeKernels.flatMap { kernel in
                    ["avx2vnni", "avx512vnni"].map { "longlm_call_\(kernel)_\($0)" }
                }
            #expect(Set(symbols) == Set(expected))
        }
    }

    /// GNU objdump (binutils) over the executable that runs the tests.
    private enum Disassembler {
        /// Whether its tests run: wherever it is installed, and in CI they fail without it.
        static var isExpected: Bool { ProcessInfo.processInfo.environment["CI"] != nil || isInstalled }

        private static var isInstalled: Bool { (try? run(["--version"])) != nil }

        struct Failure: Error { let output: String }

        private static func run(_ arguments: [String]) throws -> [Substring] {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["objdump"] + arguments
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            let data = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            let text = String(decoding: data, as: UTF8.self)
            guard process.terminationStatus == 0 else { throw Failure(output: text) }
            return text.split(separator: "\n")
        }

        /// The executable that runs the tests, into which the kernels are linked.
        private static func executable() throws -> String {
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        }

        /// The instructions of one function, one a line.
        static func disassemble(_ symbol: String) throws -> [Substring] {
            try run(["--no-show-raw-insn", "--disassemble=\(symbol)", executable()]).filter {
                // "   58903:\tpush   %rbp", not the headings, nor padding and traps between functions.
                $0.first == " " && $0.contains(":\t")
            }
        }

        /// The functions of the executable.
        static func symbols() throws -> [String] {
            try run(["--syms", executable()]).compactMap { $0.split(separator: " ").last.map(String.init) }
        }

        /// The function that an instruction calls or jumps to, without the address in it.
        static func target(of line: Substring) -> String? {
            guard let instruction = line.split(separator: "\t").last,
                instruction.hasPrefix("call") || instruction.hasPrefix("j")
            else { return nil }
            // The jump table of a switch stays within the function. (A call through a pointer is a `call`.)
            if instruction.hasPrefix("jmp    *%") { return nil }
            guard let open = instruction.lastIndex(of: "<"), let close = instruction.lastIndex(of: ">") else {
                return String(instruction)
            }
            let name = instruction[instruction.index(after: open)..<close]
            return String(name.prefix { $0 != "+" && $0 != "@" })
        }
    }
#endif
