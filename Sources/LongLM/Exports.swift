// Who embeds the engine needs one import: checkpoints, tokenizers and instruction sets are part of its interface.
@_exported import enum SIMDKernels.InstructionSet
@_exported import enum SIMDKernels.InstructionSetError
@_exported import Safetensors
@_exported import Tokenization
