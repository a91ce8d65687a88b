import Foundation
import SIMDKernels
import Testing

@Suite("InstructionSet")
struct InstructionSetTests {
    @Test("The baseline is always there, and the list ascends")
    func available() {
        #expect(InstructionSet.available.first == .baseline)
        #expect(InstructionSet.available == InstructionSet.available.sorted())
        #expect(InstructionSet.baseline < .neonDot && InstructionSet.neonDot < .neonI8MM)
        #expect(InstructionSet.baseline < .avx2 && InstructionSet.avx2 < .avx2VNNI)
        #expect(InstructionSet.avx2VNNI < .avx512 && InstructionSet.avx512 < .avx512VNNI)
        #expect(!InstructionSet.available.contains(.avx512) || InstructionSet.available.contains(.avx2))
    }

    #if arch(x86_64) && os(Linux)
        /// The kernel of the operating system names the same features that the processor reports.
        @Test("What is available is what /proc/cpuinfo lists")
        func processorFlags() throws {
            let text = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("flags") })
            let flags = Set(line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init))
            let hasAVX2 = flags.isSuperset(of: ["avx2", "fma", "f16c", "bmi1", "bmi2"])
            let hasAVX512 = hasAVX2 && flags.isSuperset(of: ["avx512f", "avx512bw", "avx512dq", "avx512vl"])
            #expect(InstructionSet.available.contains(.avx2) == hasAVX2)
            #expect(InstructionSet.available.contains(.avx512) == hasAVX512)
            #expect(InstructionSet.available.contains(.avx2VNNI) == (hasAVX2 && flags.contains("avx_vnni")))
            #expect(InstructionSet.available.contains(.avx512VNNI) == (hasAVX512 && flags.contains("avx512_vnni")))
        }
    #endif

    @Test("Only the x86-64 baseline lacks fused multiply-adds")
    func fused() {
        #expect(InstructionSet.avx2.isFused && InstructionSet.avx512.isFused)
        #if arch(x86_64)
            #expect(!InstructionSet.baseline.isFused)
        #else
            #expect(InstructionSet.baseline.isFused)
        #endif
    }

    @Test("Without a name the highest is taken", arguments: [nil, ""])
    func highest(_ name: String?) throws {
        #expect(try InstructionSet.preferred(named: name, among: [.baseline]) == .baseline)
        #expect(try InstructionSet.preferred(named: name, among: [.baseline, .avx2]) == .avx2)
        #expect(try InstructionSet.preferred(named: name, among: [.baseline, .avx2, .avx512]) == .avx512)
    }

    @Test(
        "Each name gives its instruction set",
        arguments: ["baseline", "neondot", "neoni8mm", "avx2", "avx2vnni", "avx512", "avx512vnni"])
    func names(_ name: String) throws {
        let instructionSet = try InstructionSet.preferred(named: name, among: InstructionSet.allCases)
        #expect(instructionSet.rawValue == name)
    }

    @Test("A name of none is an error", arguments: ["sse9", "AVX2", " avx2", "avx2 ", "avx-512", "0"])
    func unknownName(_ name: String) {
        #expect(throws: InstructionSetError.unknown(name)) {
            try InstructionSet.preferred(named: name, among: [.baseline, .avx2, .avx512])
        }
    }

    @Test("An instruction set that the processor lacks is an error", arguments: [InstructionSet.avx2, .avx512])
    func unavailable(_ instructionSet: InstructionSet) {
        #expect(throws: InstructionSetError.unavailable(instructionSet)) {
            try InstructionSet.preferred(named: instructionSet.rawValue, among: [.baseline])
        }
    }

    @Test("Errors say what was asked for and what would do")
    func descriptions() {
        let unknown = InstructionSetError.unknown("sse9").description
        for word in ["LONGLM_ISA", "sse9", "baseline", "avx2", "avx512"] { #expect(unknown.contains(word)) }
        let unavailable = InstructionSetError.unavailable(.avx512).description
        for word in ["LONGLM_ISA", "avx512"] { #expect(unavailable.contains(word)) }
    }

    /// In a process of its own, because changing the environment is unsafe beside other threads.
    @Test("LONGLM_ISA is what names it")
    func environment() async {
        await #expect(processExitsWith: .success) {
            unsetenv("LONGLM_ISA")
            guard try InstructionSet.preferred() == InstructionSet.available.last else { exit(2) }
            for instructionSet in InstructionSet.available {
                setenv("LONGLM_ISA", instructionSet.rawValue, 1)
                guard try InstructionSet.preferred() == instructionSet else { exit(3) }
            }
            setenv("LONGLM_ISA", "sse9", 1)
            guard throwsUnknown("sse9") else { exit(4) }
        }
    }
}

private func throwsUnknown(_ name: String) -> Bool {
    do throws(InstructionSetError) {
        _ = try InstructionSet.preferred()
        return false
    } catch {
        return error == .unknown(name)
    }
}
