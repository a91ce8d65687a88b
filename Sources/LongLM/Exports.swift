// Who embeds the engine needs one import: these are part of its interface.
@_exported import Constraints
@_exported import GGUF
@_exported import Safetensors
@_exported import Tokenization

@_exported import enum SIMDKernels.CacheFormat
@_exported import enum SIMDKernels.InstructionSet
@_exported import enum SIMDKernels.InstructionSetError
@_exported import enum SIMDKernels.Precision
@_exported import enum SIMDKernels.WeightFormat
