// Times the kernels at the shapes of SmolLM2-135M and at one square shape, on `OMP_NUM_THREADS` threads and the
// instruction set that `LONGLM_ISA` names. Prints medians.

import Glibc
import SIMDKernels

let setting = Setting(threadCount: try Team.defaultThreadCount(), instructionSet: try InstructionSet.preferred())
print("\(setting.threadCount) threads, \(setting.instructionSet)")

let only = CommandLine.arguments.dropFirst().first
for elementType in ElementType.allCases where only == nil || only == elementType.rawValue {
    for (rows, outputs, inputs) in [(512, 4096, 4096), (512, 1536, 576), (512, 576, 1536), (512, 49152, 576)] {
        GEMMShape(elementType: elementType, rowCount: rows, outputCount: outputs, inputCount: inputs).time(setting)
    }
    for (outputs, inputs) in [(49152, 576), (4096, 4096)] {
        GEMMShape(elementType: elementType, rowCount: 1, outputCount: outputs, inputCount: inputs).time(setting)
    }
}
if only != nil && only != "attention" { exit(0) }
for length in [512, 2048, 8192] {
    for window in [0, 1024] {
        AttentionRun(length: length, neighborWindow: window, rowCount: 512).time(setting)
    }
}
for window in [0, 1024] {
    AttentionRun(length: 4096, neighborWindow: window, rowCount: 1).time(setting)
}
